"""The service from the command line: `python -m app`."""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from typing import Any, Final

_SECONDS_TO_FINISH: Final = 6  # for answers under way; with all else that a stop takes, less than Docker's ten


def main() -> None:
    """Serve until told to stop; SIGTERM and Ctrl-C end it in order, with status 0."""
    # Before anything is imported that takes its time: process 1 of a container ignores SIGTERM until
    # somebody listens. uvicorn stops in order and then raises the signal again for who was here first.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: sys.exit(0))
    options = _parser().parse_args()
    _check_settings()
    if options.workers == 1:
        import uvicorn

        uvicorn.run(**_configuration(options))
    else:
        with tempfile.TemporaryDirectory(prefix="iris-metrics-") as directory:
            # Workers count into files; prometheus_client reads the variable when it is imported.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
            _supervise(options)


def _configuration(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "app": "app.main:app",
        "host": options.host,
        "port": options.port,
        "workers": options.workers,
        "access_log": options.access_log,
        "timeout_graceful_shutdown": _SECONDS_TO_FINISH,
    }


def _supervise(options: argparse.Namespace) -> None:
    from uvicorn import Config
    from uvicorn.supervisors import Multiprocess

    class Supervisor(Multiprocess):
        """Told to stop it lets go of the socket, where connections would wait that no worker takes any more."""

        def terminate_all(self) -> None:
            super().terminate_all()
            for socket in self.sockets:
                socket.close()

    config = Config(**_configuration(options))
    Supervisor(config, sockets=[config.bind_socket()]).run()


def _check_settings() -> None:
    """Say in a line what is wrong, where the workers would each show a traceback."""
    from pydantic import ValidationError

    from app.settings import Settings

    try:
        Settings()
    except ValidationError as error:
        for each in error.errors(include_url=False, include_input=False):
            setting = "_".join(["IRIS", *map(str, each["loc"])]).upper()
            print(f"app: error: {setting if each['loc'] else 'settings'}: {each['msg']}", file=sys.stderr)
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app",
        description="Serve predictions, training and metrics. Settings are environment variables IRIS_...: see README.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 is every one")
    parser.add_argument("--port", type=_between(0, 65_535), default=8000, help="port to listen on; 0 takes a free one")
    parser.add_argument("--workers", type=_between(1, 256), default=1, help="processes that serve")
    parser.add_argument("--access-log", action="store_true", help="log every request; /metrics counts them anyway")
    return parser


def _between(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"expected a number from {least} to {most}")
        return int(text)

    return number


if __name__ == "__main__":
    main()
