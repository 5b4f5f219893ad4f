"""The demo's own processes: start them in the background, watch them, and leave none of them running.

Tasks of Airflow live in sessions of their own and outlive a killed parent, so the demo makes itself the adoptive parent
of every orphan below it (Linux) and looks for descendants by process id, never by name.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from infra.demo.failure import DemoFailureError

HOST = "127.0.0.1"
GRACE_SECONDS = 15
LOG_LINES = 40
_PR_SET_CHILD_SUBREAPER = 36


def free_port(wanted: int, taken: set[int]) -> int:
    """`wanted` when nobody listens there, else one the system gives; never one of `taken`."""
    for candidate in (wanted, 0, 0, 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, candidate))
            except OSError:
                continue
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port
    raise DemoFailureError("ports", "the system has no free port to give")


class Processes:
    """Background processes with their logs under `folder`; `stop` ends them and everything they started."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder, self.environment = folder, dict(environment)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        adopt_orphans()

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start `command` in a session of its own, so that Ctrl-C reaches the demo alone."""
        with self.log(name).open("wb") as log:
            self.running[name] = subprocess.Popen(
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, name: str, command: Sequence[str]) -> str:
        """Run `command` to its end and give its standard output.

        Raises:
            DemoFailureError: it exited non-zero.
        """
        with self.log(name).open("wb") as log:
            done = subprocess.run(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, check=False
            )
        if done.returncode:
            raise DemoFailureError(name, f"exit status {done.returncode}", done.stdout.decode() + self.tail(name))
        return done.stdout.decode()

    def check(self) -> None:
        """Raise DemoFailureError when one of the background processes has ended."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise DemoFailureError(name, f"ended by itself with status {process.returncode}", self.tail(name))

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def tail(self, name: str) -> str:
        lines = self.log(name).read_text(errors="replace").splitlines() if self.log(name).exists() else []
        return "\n".join(lines[-LOG_LINES:])

    def stop(self) -> None:
        """End every descendant of this process: first politely, newest service first, then by force."""
        for process in reversed(self.running.values()):
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        while descendants() and time.monotonic() < deadline:
            _reap()
            if all(process.poll() is not None for process in self.running.values()):
                _signal(descendants(), signal.SIGTERM)
            time.sleep(0.2)
        while left := descendants():
            _signal(left, signal.SIGKILL)
            psutil.wait_procs(left, timeout=2)
            _reap()
        self.running.clear()


def descendants() -> list[psutil.Process]:
    """Every living process below this one."""
    found = psutil.Process().children(recursive=True)
    return [process for process in found if _status(process) not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)]


def adopt_orphans() -> None:
    """Make this process the parent of what its children leave behind; where the system cannot, do nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _status(process: psutil.Process) -> str:
    try:
        return str(process.status())
    except psutil.NoSuchProcess:
        return str(psutil.STATUS_DEAD)


def _signal(processes: Sequence[psutil.Process], number: int) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _reap() -> None:
    """Collect ended orphans; the demo's own children are collected by their `poll`."""
    for process in psutil.Process().children():
        if _status(process) == psutil.STATUS_ZOMBIE:
            try:
                os.waitpid(process.pid, os.WNOHANG)
            except ChildProcessError:
                continue
