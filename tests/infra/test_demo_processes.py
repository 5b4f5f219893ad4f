"""The demo's processes: whatever they start ends with them, taken ports are gone round, and memory is counted."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.demo import processes as demo
from infra.demo.failure import DemoFailureError
from infra.demo.memory import MemoryWatch, tree_bytes
from infra.demo.processes import HOST, Processes, free_port
from infra.demo.processes import descendants as every_descendant

SLEEP = "import time; time.sleep(600)"
ESCAPE = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True)"
HEAVY = "import time; held = bytearray(200 * 2**20); print('up', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Processes]:
    """Processes that a failing test does not leave behind either; what other tests have left is not touched."""
    others = {process.pid for process in every_descendant()}
    monkeypatch.setattr(demo, "descendants", lambda: [p for p in every_descendant() if p.pid not in others])
    started = Processes(tmp_path / "logs", os.environ)
    yield started
    started.stop()


def descendants() -> list[psutil.Process]:
    return demo.descendants()


def _until(condition: object) -> None:
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:  # type: ignore[operator]
        time.sleep(0.05)


def _python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_stop_ends_every_process(processes: Processes) -> None:
    processes.start("one", _python(SLEEP))
    processes.start("two", _python(SLEEP))
    processes.stop()
    assert descendants() == []


def test_stop_ends_a_grandchild_in_a_session_of_its_own(processes: Processes) -> None:
    processes.start("parent", _python(f"{ESCAPE}; {SLEEP}"))
    _until(lambda: len(descendants()) == 2)
    processes.stop()
    assert descendants() == []


@pytest.mark.skipif(sys.platform != "linux", reason="adopting orphans is a feature of Linux")
def test_stop_ends_an_orphan_whose_parent_is_gone(processes: Processes) -> None:
    processes.start("parent", _python(ESCAPE))
    processes.running["parent"].wait(timeout=20)
    assert len(descendants()) == 1
    processes.stop()
    assert descendants() == []


def test_stop_ends_a_process_that_ignores_the_request(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.demo.processes.GRACE_SECONDS", 0.5)
    processes.start("stubborn", _python(STUBBORN))
    _until(lambda: "up" in processes.tail("stubborn"))
    processes.stop()
    assert descendants() == []


def test_without_stop_the_processes_go_on(processes: Processes) -> None:
    processes.start("one", _python(SLEEP))
    time.sleep(0.2)
    assert len(descendants()) == 1
    assert descendants()[0].status() in (psutil.STATUS_RUNNING, psutil.STATUS_SLEEPING, psutil.STATUS_DISK_SLEEP)


def test_a_process_that_ends_by_itself_is_told_with_its_log(processes: Processes) -> None:
    processes.start("short", _python("print('out of milk'); raise SystemExit(7)"))
    processes.running["short"].wait(timeout=20)
    with pytest.raises(DemoFailureError, match="status 7") as failure:
        processes.check()
    assert failure.value.stage == "short"
    assert "out of milk" in failure.value.log


def test_living_processes_pass_the_check(processes: Processes) -> None:
    processes.start("long", _python(SLEEP))
    processes.check()
    assert list(processes.running) == ["long"]


def test_a_command_that_fails_is_told_with_its_log(processes: Processes) -> None:
    with pytest.raises(DemoFailureError, match="exit status 2") as failure:
        processes.run("bad", _python("import sys; sys.stderr.write('no such user'); raise SystemExit(2)"))
    assert "no such user" in failure.value.log


def test_a_command_gives_its_standard_output(processes: Processes) -> None:
    assert processes.run("good", _python("print('thirty tracks')")) == "thirty tracks\n"


def test_a_free_port_is_taken_as_wished() -> None:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        wished = probe.getsockname()[1]
    assert free_port(wished, set()) == wished


def test_a_taken_port_is_gone_round() -> None:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        taken = listener.getsockname()[1]
        assert free_port(taken, set()) != taken


def test_two_services_never_get_one_port() -> None:
    first = free_port(0, set())
    assert free_port(first, {first}) != first


def test_memory_counts_the_whole_process_tree() -> None:
    child = subprocess.Popen(_python(HEAVY), stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        assert tree_bytes() > 200 * 2**20
        watch = MemoryWatch(every_seconds=0.02)
        watch.start()
        _until(lambda: watch.peak > 0)
        watch.stop()
        assert watch.peak > 200 * 2**20
    finally:
        child.kill()
        child.wait()
