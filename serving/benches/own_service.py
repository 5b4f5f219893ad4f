"""A service for the time of a bench, in a home of its own that reads ours: what it writes goes with it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

from segue.errors import SegueError
from segue.home import get_home
from segue.machine import cores
from segue.settings import get_settings
from segue.stage import Progress
from serving.benches.load import HOST

START_SECONDS = 180.0
READ = ("features", "feast", "playlists", "secrets", "releases/current.json", "releases/bentoml/models")
"""What a service reads of a home. BentoML writes beside its models, and empties that folder when it starts."""


@contextlib.contextmanager
def service(home: Path, environment: Mapping[str, str], progress: Progress) -> Iterator[int]:
    """The port of a service over `home` that is ready, and gone at the end; with `workers()` workers."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    url, command = f"http://{HOST}:{port}", [sys.executable, "-m", "segue", "serve"]
    ours = {"SEGUE_HOME": str(home), "SEGUE_SERVE_HOST": HOST, "SEGUE_SERVE_PORT": str(port)}
    ours["SEGUE_SERVE_WORKERS"] = str(workers())
    everything = os.environ | dict(environment) | ours
    with subprocess.Popen(command, env=everything, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            with progress.step(f"start a service at {url}"):
                _wait(url, server)
            yield port
        finally:
            server.terminate()


def workers() -> int:
    """One for each processor, as where a service has a machine to itself, unless `SEGUE_SERVE_WORKERS` says otherwise."""
    settings = get_settings()
    return settings.serve_workers if "serve_workers" in settings.model_fields_set else cores()


@contextlib.contextmanager
def borrowed_home(names: tuple[str, ...] = READ) -> Iterator[Path]:
    """A home with links to what a service reads in ours; what it writes, its log above all, stays there and goes with it."""
    with tempfile.TemporaryDirectory(prefix="segue-bench-") as folder:
        for name in names:
            ours, link = get_home().root.resolve() / name, Path(folder) / name
            if ours.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(ours)
        yield Path(folder)


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        if _ready(url):
            return
        time.sleep(0.5)
    raise SegueError(
        expected=f"a ready service at {url}",
        received="none",
        mend="run `segue serve` and read what it says; a live release is needed",
    )


def _ready(url: str) -> bool:
    try:
        return bool(httpx.get(f"{url}/readyz", timeout=2).json()["ready"])
    except (httpx.HTTPError, json.JSONDecodeError, KeyError, TypeError):
        return False
