"""The visible week as the service reads it: a pointer that cannot be read shows no week, as one that is not there. Listeners
get the popular instead of an error, `/readyz` says why, and the log says it once."""

from __future__ import annotations

import logging

from segue.errors import SegueError
from segue.playlists import VisibleWeek, read_visible_week
from serving.live.metrics import NO_POINTER

log = logging.getLogger("bentoml.segue")


class ShownWeek:
    """What this process last saw of the pointer; every reading that fails is counted, a failure is logged when it begins."""

    def __init__(self) -> None:
        self.problem: str | None = None

    def read(self) -> VisibleWeek | None:
        """The visible week, None where there is none or its pointer cannot be read; `problem` then says why."""
        try:
            found, problem = read_visible_week(), None
        except SegueError as unreadable:
            found, problem = None, str(unreadable)
            NO_POINTER.inc()
        if problem != self.problem:
            log.warning("no week is shown: %s", problem) if problem else log.info("the pointer to the week is whole again")
        self.problem = problem
        return found


SHOWN = ShownWeek()
"""That of this process."""
