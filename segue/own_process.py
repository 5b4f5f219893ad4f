"""Our own work in a process of its own: a bench runs stages without warming anything for the next, and a stage does two
things at once."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from typing import Any, Generic, TypeVar

from segue.errors import SegueError

_ROOT = Path(__file__).resolve().parents[1]
_LINES_TOLD = 5
T = TypeVar("T")


def python_in(home: Path, *arguments: str, endings: Collection[int] = (0,)) -> subprocess.CompletedProcess[str]:
    """Run `python *arguments` from the repository with `home` as its SEGUE_HOME, and wait for it.

    Raises:
        SegueError: it ended otherwise than with one of the exit codes `endings`; how, and the last lines it said, are in the
            message.
    """
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "SEGUE_HOME": str(home)},
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in endings:
        lines = [line.strip() for line in (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()]
        said = " / ".join([line for line in lines if line][-_LINES_TOLD:])
        raise SegueError(
            expected=f"{' '.join(arguments)} to end well",
            received=f"{_ending(done.returncode)}, after: {said}",
            mend="run it by hand to see more" + _guess(done.returncode),
        )
    return done


def _ending(code: int) -> str:
    """An exit code as `subprocess` and `multiprocessing` give it, in words; they tell a signal as a negative one."""
    if code >= 0:
        return f"exit code {code}"
    known = {int(one): one.name for one in signal.Signals}
    return f"its end by {known.get(-code, f'signal {-code}')}"


def _guess(code: int) -> str:
    """Who kills a process without asking is mostly the system, when memory runs out."""
    return ", and see whether the machine ran out of memory" if code == -signal.SIGKILL else ""


class Beside(Generic[T]):
    """Work in a process beside this one; called, it waits for the result."""

    def __init__(self, process: BaseProcess, channel: Connection) -> None:
        self._process, self._channel = process, channel
        self._told: tuple[Any, BaseException | None] | None = None

    def __call__(self) -> T:
        """What the work gave.

        Raises:
            Exception: what it raised; a SegueError when it left by `SystemExit`, or its process was killed.
        """
        result, problem = self._told = self._told or self._heard()
        if problem is not None:
            raise problem
        return result

    def check(self) -> None:
        """Raise what a call would, if the work has failed by now: nobody need go on for the sake of the rest."""
        if self._told or self._channel.poll():
            self()

    def _heard(self) -> tuple[Any, BaseException | None]:
        try:
            told: tuple[Any, BaseException | None] = self._channel.recv()
        except (EOFError, OSError):  # the latter in the middle of a result
            self._process.join()
            code = self._process.exitcode or 0
            return None, SegueError(
                expected="a process beside this one to end well",
                received=f"{_ending(code)} before it had a result",
                mend="run this again" + _guess(code),
            )
        return told


@contextmanager
def beside(work: Callable[..., T], *arguments: Any) -> Iterator[Beside[T]]:
    """Begin `work(*arguments)` in a new process while the block goes on; what is yielded waits for it and gives its result,
    and can be asked before that whether it has failed.

    The process is spawned, because a fork would take TensorFlow's locks along without the threads that hold them. It ends
    with the block, however that ends, and by itself when this process is killed.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    # Pickled here and not by `Process`: then nothing heavy is imported before the new process watches over this one.
    process = context.Process(target=_report, args=(there, pickle.dumps((work, arguments))), daemon=True)
    process.start()
    there.close()
    try:
        yield Beside(process, here)
    finally:
        process.kill()
        process.join()
        here.close()


def _report(channel: Connection, pickled: bytes) -> None:
    """In the new process: do the work and send what it gave or raised."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the other process ends this one
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        work, arguments = pickle.loads(pickled)  # noqa: S301 - from our own pipe
        channel.send((work(*arguments), None))
    except (Exception, SystemExit) as left:
        problem = left if isinstance(left, Exception) else _refusal(left)
        problem.add_note("in a process of its own:\n" + traceback.format_exc())
        channel.send((None, _sendable(problem)))


def _refusal(left: SystemExit) -> SegueError:
    """A way out of a process, which would be the way out of the one that hears of it."""
    said = left.code if isinstance(left.code, str) else f"exit code {left.code or 0}"
    return SegueError(
        expected="a process beside this one to end well",
        received=f"its leaving by itself before it had a result: {said}",
        mend="mend what it names, and run this again",
    )


def _sendable(problem: Exception) -> Exception:
    """The problem, or in words one that would not arrive."""
    try:
        pickle.loads(pickle.dumps(problem))  # noqa: S301 - our own bytes
    except Exception:
        return RuntimeError("\n".join([f"{type(problem).__name__}: {problem}", *problem.__notes__]))
    return problem


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
