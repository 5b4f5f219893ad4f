"""The one error a person is meant to read, and its kind for what was never begun.

A stage raises `SegueError` for bad input or a broken agreement; the command line prints its sentence and exits with
status 2, the service answers 4xx with it. Anything else that escapes is a defect and keeps its traceback.
"""

from __future__ import annotations

from functools import partial
from typing import Any


class SegueError(Exception):
    """Bad input, told in one sentence: what was expected, what was received, what to do.

    Args:
        expected: what the stage needed, as a noun phrase.
        received: what it found instead.
        mend: what the reader can do, as an imperative.
    """

    def __init__(self, *, expected: str, received: str, mend: str) -> None:
        self.expected, self.received, self.mend = expected, received, mend
        super().__init__(f"Expected {expected}, received {received}: {mend}.")

    def __reduce__(self) -> tuple[Any, ...]:
        """Reaches another process whole, notes and all: exceptions are made anew there by position, which this one does not
        take."""
        return partial(type(self), expected=self.expected, received=self.received, mend=self.mend), (), self.__dict__


class NotBegunError(SegueError):
    """Refused before anything was begun, and everything is as it was: what the arguments ask for is not there, as a version
    or a day of listens, or another run is at work. What fails at its work, or finds something of ours broken, is a plain
    `SegueError`: that was a run, and `segue status` calls it unhealthy."""
