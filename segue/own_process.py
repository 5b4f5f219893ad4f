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
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from segue.errors import SegueError

_ROOT = Path(__file__).resolve().parents[1]
T = TypeVar("T")


def python_in(home: Path, *arguments: str, endings: Collection[int] = (0,)) -> subprocess.CompletedProcess[str]:
    """Run `python *arguments` from the repository with `home` as its SEGUE_HOME, and wait for it.

    Raises:
        SegueError: it ended with another exit code than `endings`; the last line it said is in the message.
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
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise SegueError(expected=f"{' '.join(arguments)} to end well", received=last, mend="run it by hand to see more")
    return done


@contextmanager
def beside(work: Callable[..., T], *arguments: Any) -> Iterator[Callable[[], T]]:
    """Begin `work(*arguments)` in a new process while the block goes on; what is yielded waits for it and gives its result.

    The process is spawned, because a fork would take TensorFlow's locks along without the threads that hold them. It ends
    with the block, however that ends, and by itself when this process is killed.

    Raises:
        Exception: when waiting, what `work` raised; a SegueError when the process was killed.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    # Pickled here and not by `Process`: then nothing heavy is imported before the new process watches over this one.
    process = context.Process(target=_report, args=(there, pickle.dumps((work, arguments))), daemon=True)
    process.start()
    there.close()
    try:
        yield partial(_result, process, here)
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
    except Exception as problem:
        problem.add_note("in a process of its own:\n" + traceback.format_exc())
        channel.send((None, _sendable(problem)))


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


def _result(process: BaseProcess, channel: Connection) -> Any:
    try:
        result, problem = channel.recv()
    except EOFError as nothing:
        process.join()
        raise SegueError(
            expected="a process beside this one to end well",
            received=f"its end with exit code {process.exitcode} before it had a result",
            mend="run this again, and see whether the machine ran out of memory",
        ) from nothing
    if problem is not None:
        raise problem
    return result
