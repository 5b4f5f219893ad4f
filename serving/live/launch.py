"""`segue serve`: starts BentoML on the configured address and stays until it is told to stop; then nothing is left running."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import psutil  # type: ignore[import-untyped]  # comes with BentoML

from segue.errors import SegueError
from segue.release import bentoml_home
from segue.settings import Settings, get_settings
from segue.stage import Outcome, Progress

SERVICE = "serving.live.service:Segue"
GRACE_SECONDS = 20.0


def run() -> Outcome:
    """Serve until SIGTERM or SIGINT.

    Raises:
        SegueError: the address is taken.
    """
    settings = get_settings()
    _require_free(settings.serve_host, settings.serve_port)
    url = f"http://{settings.serve_host}:{settings.serve_port}"
    Progress("serve").say(f"starting {settings.serve_workers} worker(s) on {url}")
    with subprocess.Popen(_command(settings), env=_environment(), start_new_session=True) as server, _forwarding(server):
        code = server.wait()
    stopped = code in (0, -signal.SIGTERM, -signal.SIGINT)
    return Outcome({"url": url, "exit_code": code}, "The service has stopped.", 0 if stopped else 1)


def _command(settings: Settings) -> list[str]:
    root = Path(__file__).resolve().parents[1]
    address = ["--host", settings.serve_host, "--port", str(settings.serve_port)]
    return [sys.executable, "-m", "bentoml", "serve", SERVICE, *address, "--working-dir", str(root)]


def _environment() -> dict[str, str]:
    """Our model store, no telemetry, and the home as an absolute path: BentoML changes the working directory."""
    home = get_settings().home.resolve()
    bentoml_home().mkdir(parents=True, exist_ok=True)
    return os.environ | {
        "SEGUE_HOME": str(home),
        "BENTOML_HOME": str(bentoml_home()),
        "BENTOML_DO_NOT_TRACK": "True",
        "TF_USE_LEGACY_KERAS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def _require_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            raise SegueError(
                expected=f"the free address {host}:{port}",
                received=f"{problem.strerror or problem}".lower(),
                mend="stop what listens there, or set SEGUE_SERVE_PORT to another port",
            ) from problem


@contextlib.contextmanager
def _forwarding(server: subprocess.Popen[bytes]) -> Iterator[None]:
    """Pass SIGTERM and SIGINT on to BentoML's supervisor; an alarm ends what does not stop in time."""
    workers: list[psutil.Process] = []

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            workers.extend(psutil.Process(server.pid).children(recursive=True))
            server.send_signal(signal.SIGTERM)
        signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)

    def give_up(number: int, frame: FrameType | None) -> None:
        del number, frame
        server.kill()

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGALRM: give_up}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
        _end(workers)


def _end(workers: list[psutil.Process]) -> None:
    """End the workers that outlived their supervisor; psutil knows a reused process id from the old one."""
    for worker in workers:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()
