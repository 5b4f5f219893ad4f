"""What a failure says for people, whichever room it came up in: the command line and the daily report tell it alike."""

from __future__ import annotations

from segue.damaged import damaged_tables
from segue.errors import SegueError
from segue.store_trouble import store_trouble


def sentence_for(problem: BaseException) -> SegueError | None:
    """The sentence for a feature store or a table that cannot be read; None for any other failure: it keeps its traceback."""
    if isinstance(problem, SegueError):
        return problem
    return store_trouble(problem) or damaged_tables(problem)
