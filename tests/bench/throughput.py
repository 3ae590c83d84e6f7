"""Rate of /predict of one worker against the same work in bare ASGI behind the same server.

    python -m tests.bench.throughput

Needs wrk. Both are measured in turns, in one run: the ratio means something, the rates do not.
"""

import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from model.dataset import read_csv
from model.hyperparameters import Hyperparameters
from model.pipeline import train
from model.store import Store
from tests.bench.servers import service, serving
from tests.services import FLOWER, free_port

_ROUNDS = 5
_SECONDS = 3
_CONNECTIONS = 16


def rate(wrk: str, address: str, script: Path) -> float:
    """Answers a second; raises if any was not 200."""
    command = [wrk, "-t1", f"-c{_CONNECTIONS}", f"-d{_SECONDS}s", "-s", str(script), f"{address}/predict"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in printed:
        raise RuntimeError(printed)
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", printed)[0])


def main() -> None:
    wrk = shutil.which("wrk")
    if wrk is None:
        sys.exit("wrk is not installed")
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        store = Store(root / "artifacts")
        store.promote(store.add_model(train(read_csv(Path("data/Iris.csv")), Hyperparameters())[0]))
        script = root / "predict.lua"
        headers = "wrk.headers['Content-Type'] = 'application/json'"
        script.write_text(f"wrk.method = 'POST'\n{headers}\nwrk.body = '{json.dumps(FLOWER)}'\n")
        port = free_port()
        uvicorn = [sys.executable, "-m", "uvicorn", "tests.bench.bare:app", "--port", str(port), "--no-access-log"]
        with (
            service(store.root) as (ours, _),
            serving(uvicorn, port, {"IRIS_ARTIFACTS": str(store.root)}),
        ):
            bare = f"http://127.0.0.1:{port}"
            ratios = []
            for _ in range(_ROUNDS):
                rates = rate(wrk, ours, script), rate(wrk, bare, script)
                ratios.append(rates[0] / rates[1])
                print(f"service {rates[0]:7.0f}/s   bare {rates[1]:7.0f}/s   ratio {ratios[-1]:.2f}")
    print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
