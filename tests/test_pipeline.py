"""From the table to the response, once, really: rows -> arrays -> network -> artifact -> service -> response."""

import csv
from pathlib import Path

import numpy as np

from app.settings import Settings
from model.train import main
from tests.app.conftest import running


def test_what_the_script_trains_the_service_answers(tmp_path: Path) -> None:
    artifacts = tmp_path / "artifacts"

    assert 0 == main(["--seed", "0", "--artifacts", str(artifacts)])

    with Path("data/Iris.csv").open() as file:
        rows = list(csv.DictReader(file))
    flowers = [{name: float(row[name]) for name in list(row)[1:5]} for row in rows]
    with running(Settings(artifacts=artifacts)) as client:
        answered = client.post("/predict/batch", json={"flowers": flowers}).json()
        card = client.get("/models/current").json()["card"]

    right = np.mean([row["Species"] == p["species"] for row, p in zip(rows, answered["predictions"], strict=True)])
    parts = [card["evaluation"][part] for part in ("training", "validation", "test")]
    assert np.isclose(right, sum(part["accuracy"] * part["rows"] for part in parts) / len(rows))
    assert right > 0.95
