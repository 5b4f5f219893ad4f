"""Whether the online store still holds what `segue features` wrote.

A row that is not there means a listener of whom nothing is known, to whom everything may be given. In a store that lost its
rows that would be everybody: what they disliked and heard would come back. So the store is looked at behind the requests'
back, and until it is filled again no list is made for a listener.
"""

from __future__ import annotations

import logging

from segue.errors import SegueError
from segue.features import REGISTRY, last_materialised, shared_store
from segue.home import get_home
from segue.names import Table
from segue.online_mark import MARKED, is_marked
from serving.live.watch import Watch

READ = (Table.USER_FEATURES, Table.USER_HISTORY)
"""The views whose rows say who a listener is and what they must not get."""
LOST = "The online store lost the rows that `segue features` wrote: run `segue features`, and `segue playlists` for the week."
UNREADABLE = "The online store cannot be read: see that it runs."
log = logging.getLogger("bentoml.segue")


class StoreWatch:
    """What this process last saw of the online store, at most `watch.EVERY_SECONDS` ago once it was started."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self._looked = False
        self._watch = Watch("store-watch", self.look)

    def start(self) -> None:
        self._watch.start()

    def stop(self) -> None:
        self._watch.stop()

    def look(self) -> str | None:
        """Look at the store now; what is wrong with it, None while it can be served from."""
        found = _problem()
        if found != self.problem:
            log.warning("no list for a listener: %s", found) if found else log.info("the online store is whole again")
        self.problem, self._looked = found, True
        return found

    def require_rows(self) -> None:
        """Refuse to answer from a store that may have lost its rows; reads nothing but what was seen last.

        Raises:
            SegueError: the store cannot be served from.
        """
        problem = self.problem if self._looked else self.look()
        if problem is not None:
            raise SegueError(
                expected="the rows of `segue features` in the online store",
                received="a store without them or no answer",
                mend=f"do as `/readyz` says ({problem.rstrip('.')})",
            )


def _problem() -> str | None:
    """A store nobody ever filled has nothing to lose, and one filled before there were marks has none to miss."""
    try:
        if not (get_home().feast / REGISTRY).exists() or is_marked(shared_store(), READ):
            return None
        return LOST if last_materialised().get(MARKED) else None
    except Exception:  # it may come back without its rows, and before the next look
        return UNREADABLE
