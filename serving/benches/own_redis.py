"""A Redis server of one's own on a free port of the loopback, empty, gone at the end: for the bench and the tests."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from segue.errors import SegueError

HOST = "127.0.0.1"
START_SECONDS = 30.0


def redis_program() -> str | None:
    """Where redis-server is, None when this machine has none."""
    return shutil.which("redis-server")


@contextlib.contextmanager
def own_redis(folder: Path) -> Iterator[str]:
    """The address, host:port, of a Redis server that keeps everything in memory; `folder` is its working directory.

    Raises:
        SegueError: there is no redis-server, or it does not answer.
    """
    program = redis_program()
    if program is None:
        raise SegueError(expected="redis-server", received="no such program", mend="apt-get install redis-server")
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    options = ["--port", str(port), "--bind", HOST, "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as server:
        try:
            _wait_for(port)
            yield f"{HOST}:{port}"
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.05)
    raise SegueError(
        expected=f"a Redis server on port {port}", received="no answer", mend="run redis-server by hand and read it"
    )
