"""A program of ours runs in the home it is given; work beside ours ends with ours; how either failed is one sentence."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from segue.errors import SegueError
from segue.own_process import beside, python_in


def test_it_sees_the_home_and_the_repository(tmp_path: Path) -> None:
    done = python_in(tmp_path, "-c", "import segue, os; print(os.environ['SEGUE_HOME'])")
    assert done.stdout.split() == [str(tmp_path)]


def test_an_ending_that_was_not_expected_is_told_with_the_last_things_it_said(tmp_path: Path) -> None:
    bad = "import sys; print(*'abcdef', 'of milk', sep='\\n', file=sys.stderr); raise SystemExit(3)"
    with pytest.raises(SegueError) as told:
        python_in(tmp_path, "-c", bad)
    assert told.value.received == "exit code 3, after: c / d / e / f / of milk"
    assert "memory" not in told.value.mend
    assert python_in(tmp_path, "-c", bad, endings=(0, 3)).returncode == 3


def test_a_program_that_was_killed_is_told_by_its_signal_and_not_by_its_progress_alone(tmp_path: Path) -> None:
    killed = "import os, sys; print('land: files done', file=sys.stderr, flush=True); os.kill(os.getpid(), 9)"
    with pytest.raises(SegueError, match=r"received its end by SIGKILL, after: land: files done: .* out of memory"):
        python_in(tmp_path, "-c", killed)


def test_work_beside_gives_its_result_while_the_block_goes_on() -> None:
    with beside(round, 2.25, 1) as rounded:
        assert rounded() == 2.2


def test_a_refusal_beside_has_the_same_sentence_here() -> None:
    with beside(python_in, Path(), "-c", "raise SystemExit('of milk')") as refused, pytest.raises(SegueError) as told:
        refused()
    assert told.value.expected == "-c raise SystemExit('of milk') to end well"
    assert told.value.received == "exit code 1, after: of milk"
    assert "in a process of its own" in told.value.__notes__[0]


def test_a_defect_beside_says_where_it_happened() -> None:
    with beside(int, "milk") as defect, pytest.raises(ValueError, match="milk") as told:
        defect()
    assert "in a process of its own" in told.value.__notes__[0]


class OddError(Exception):
    """Takes two arguments and is made anew with one: it does not arrive."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}")


def _fail_oddly() -> None:
    raise OddError("milk", "sour")


def test_a_defect_beside_that_cannot_be_sent_arrives_in_words() -> None:
    with beside(_fail_oddly) as odd, pytest.raises(RuntimeError, match="OddError: milk: sour"):
        odd()


def test_a_process_beside_that_was_killed_is_told_in_a_sentence() -> None:
    with beside(os.abort) as aborted, pytest.raises(SegueError, match="its end by SIGABRT before it had a result") as told:
        aborted()
    assert "memory" not in told.value.mend
    with beside(signal.raise_signal, signal.SIGKILL) as killed, pytest.raises(SegueError, match=r"SIGKILL .* out of memory"):
        killed()


@pytest.mark.parametrize(("code", "said"), [("of milk", "of milk"), (3, "exit code 3"), (None, "exit code 0")])
def test_work_beside_that_leaves_by_itself_is_no_way_out_of_this_process_and_no_guess_about_memory(
    code: str | int | None, said: str
) -> None:
    with beside(sys.exit, code) as left, pytest.raises(SegueError, match=f"its leaving by itself .*: {said}") as told:
        left()
    assert "memory" not in str(told.value)


def test_work_beside_can_be_asked_whether_it_has_failed_and_goes_on_where_it_has_not() -> None:
    with beside(signal.raise_signal, signal.SIGKILL) as killed:
        multiprocessing.active_children()[0].join()
        for ask in (killed.check, killed.check, killed):
            with pytest.raises(SegueError, match="SIGKILL"):
                ask()
    with beside(time.sleep, 600) as slow:
        slow.check()
    with beside(round, 2.25, 1) as rounded:
        multiprocessing.active_children()[0].join()
        rounded.check()
        assert rounded() == 2.2


def test_a_process_beside_ends_with_its_block() -> None:
    with beside(time.sleep, 600):
        (child,) = multiprocessing.active_children()
        assert child.is_alive()
    assert not child.is_alive()


def test_a_process_beside_ends_when_its_parent_is_killed() -> None:
    script = """
import multiprocessing, time
from segue.own_process import beside
with beside(time.sleep, 600):
    print(multiprocessing.active_children()[0].pid, flush=True)
    time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline()) if parent.stdout else 0
        assert _runs(child)
        parent.kill()
    until = time.monotonic() + 30
    while _runs(child) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    """Whether the process still runs; in a container whose first process reaps nobody, an orphan that ended stays listed."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
