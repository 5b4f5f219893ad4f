"""What listeners disliked since the features they are served by: read from the events this service and its other workers
accepted, which are on disk before anyone is told so. The online store has the rest, and with the next `segue features` all of
it.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from segue.features import materialised_through
from segue.home import get_home
from segue.names import Source
from serving.live.event_log import FILES
from serving.live.watch import Watch
from serving.tracks.catalogue import Catalogue

_KINDS = ("dislike", "dislike_artist")
_SAID = b'"dislike'  # how both begin, as the event log writes them
log = logging.getLogger("bentoml.segue")


class Refused(NamedTuple):
    """Tracks, and tracks whose artists, one listener disliked."""

    tracks: frozenset[str] = frozenset()
    at_artists: frozenset[str] = frozenset()

    def added_to(self, row: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
        """A row of policy facts with these beside what it has."""
        if not self.tracks and not self.at_artists:
            return dict(row)
        artists = {catalogue.artist_id[place] for place in catalogue.rows(list(self.at_artists))} - {None}
        more = {"disliked_tracks": self.tracks, "disliked_artists": artists}
        return dict(row) | {name: [*(row.get(name) or ()), *sorted(said)] for name, said in more.items()}


NOTHING = Refused()


class Refusals:
    """What is known in this process, at most `watch.EVERY_SECONDS` old for what other workers accepted once it was started."""

    def __init__(self) -> None:
        self._days: dict[date, dict[str, Refused]] = {}
        self._read: dict[Path, int] = {}
        self._looked = False
        self._lock = threading.Lock()
        self._watch = Watch("refusals", self.look)

    def start(self) -> None:
        self._watch.start()

    def stop(self) -> None:
        self._watch.stop()

    def of(self, user_id: str) -> Refused:
        """What a listener refused; reads nothing but what was seen last."""
        if not self._looked:
            self.look()
        found = [said[user_id] for said in tuple(self._days.values()) if user_id in said]
        if not found:
            return NOTHING
        return Refused(
            frozenset().union(*(one.tracks for one in found)), frozenset().union(*(one.at_artists for one in found))
        )

    def note(self, day: date, events: Iterable[Mapping[str, Any]]) -> None:
        """Take in events that arrived on `day`; those that say nothing of this kind are passed over, and twice is as once."""
        new: dict[str, dict[str, set[str]]] = {}
        for event in events:
            if event["event_type"] in _KINDS:
                new.setdefault(event["user_id"], {kind: set() for kind in _KINDS})[event["event_type"]].add(event["track_id"])
        with self._lock:
            said = self._days.setdefault(day, {})
            for user, kinds in new.items():
                said[user] = Refused(
                    *(before | kinds[kind] for before, kind in zip(said.get(user, NOTHING), _KINDS, strict=True))
                )

    def look(self) -> None:
        """Read what was accepted since the last look, and forget the days that the features have. The day they end on is kept:
        they may have been made before it was over."""
        try:
            today = datetime.now(UTC).date()
            first = min(materialised_through() or today, today)
            for day in [day for day in tuple(self._days) if day < first]:
                self._days.pop(day, None)
            self._read = {path: at for path, at in tuple(self._read.items()) if path.exists()}
            for folder in get_home().landing_day(Source.EVENTS, "events", first).parent.glob("day=*"):
                day = date.fromisoformat(folder.name.removeprefix("day="))
                if day >= first:
                    for path in folder.glob(FILES):
                        self.note(day, self._new_in(path))
        except Exception as problem:  # whatever is wrong with landing, lists are made meanwhile, and the next look goes on
            log.warning("refusals: %s while the accepted events were read", type(problem).__name__)
        self._looked = True

    def _new_in(self, path: Path) -> Sequence[Mapping[str, Any]]:
        """The whole lines that were added to a file, of those that speak of dislikes."""
        with path.open("rb") as file:
            at = file.seek(min(self._read.get(path, 0), path.stat().st_size))  # shorter where a write failed and was undone
            said = []
            for line in file:
                if not line.endswith(b"\n"):
                    break  # the rest of it is on its way
                at += len(line)
                if _SAID in line:
                    said.append(line)
        self._read[path] = at
        return [json.loads(line) for line in said]
