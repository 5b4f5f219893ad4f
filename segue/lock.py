"""One process at a time: a lock on a file that the system lets go when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segue.errors import NotBegunError


@contextmanager
def locked(path: Path, *, what: str, wait: bool = False) -> Iterator[None]:
    """Hold the lock at `path` for `what` while the block lasts. The file stays: removing it would let two in.

    Raises:
        SegueError: another process holds it, unless `wait` says to wait until it ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as problem:
            raise NotBegunError(
                expected=f"one {what} at a time in {path.parent}",
                received="another one at work",
                mend="wait until it has ended and run this again",
            ) from problem
        yield
