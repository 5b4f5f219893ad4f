"""The funnel a running service answers with, reloaded behind its back: when the pointer or the gold tables change, the new
release is opened in a thread of its own and one reference is swapped. A release that is refused changes nothing."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from segue.dates import days_of_week
from segue.errors import SegueError
from segue.home import get_home
from segue.live_release import Pointer, read_pointer
from segue.playlists import PLAYLIST_LENGTH
from segue.policy import HABIT_TRACKS
from serving.funnel.funnel import Funnel
from serving.funnel.model import Model, check_features, load_model
from serving.funnel.people import listeners_of, model_columns, moment, read_row
from serving.live.metrics import LOADED, READY, REFUSED
from serving.live.watch import Watch
from serving.tracks.gold import stamp
from serving.tracks.gold_catalogue import load_catalogue

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 1.0, 60.0
"""How long what failed for a passing reason rests before it is tried again: twice as long each time, to the last."""
NOBODY = "-"
log = logging.getLogger("bentoml.segue")


@dataclass(frozen=True)
class Status:
    """What a process has loaded, and why the release the pointer names is not it, if so."""

    release: str | None = None
    refused: str | None = None
    reason: str | None = None


class Seen(NamedTuple):
    """What a funnel follows from: the pointer, and when the gold tables and the registry were written."""

    pointer: Pointer | None
    gold: tuple[int, ...]
    registry: int


class LiveFunnel:
    """Holds the funnel of this process. `funnel` is None until the gold tables were read once."""

    def __init__(self) -> None:
        self.funnel: Funnel | None = None
        self.status = Status()
        self._seen: Seen | None = None
        self._failed: Seen | None = None
        self._last: Pointer | None = None
        self._unreadable: str | None = None
        self._told_unreadable: str | None = None
        self._rest = FIRST_RETRY_SECONDS
        self._retry_at = 0.0
        self._watch = Watch("release-watch", self.refresh)

    def start(self) -> None:
        """Load in the background, now and after every change."""
        self._watch.start()

    def stop(self) -> None:
        self._watch.stop()

    def refresh(self) -> None:
        """Look once at the pointer, the gold tables and the registry, and load what changed. Errors are kept in `status`,
        not raised: a refusal stands until something changes, anything else may pass and is tried again."""
        now: Seen | None = None
        try:
            now = self._look()
            if now == self._seen or (now == self._failed and time.monotonic() < self._retry_at):
                self._tell_of_the_pointer()
                return
            self._load(now.pointer)
            self._settle(now)
        except Exception as problem:  # a broken release may fail in any way, and the old one must go on answering
            self._refuse(now.pointer if now else None, problem)
            if isinstance(problem, SegueError) and now is not None:
                self._settle(now)
            else:
                self._try_again(now)
        self._tell_of_the_pointer()
        READY.set(1 if self.funnel and self.funnel.model else 0)

    def _look(self) -> Seen:
        registry = get_home().feast / "registry.db"
        return Seen(self._pointer(), stamp(), registry.stat().st_mtime_ns if registry.exists() else 0)

    def _pointer(self) -> Pointer | None:
        """What the pointer says. One that cannot be read asks for nothing else than it last did, and at first for nothing:
        the tables are still followed."""
        try:
            self._last, self._unreadable = read_pointer(), None
        except SegueError as problem:
            self._unreadable = str(problem)
        return self._last

    def _tell_of_the_pointer(self) -> None:
        """Say that the pointer cannot be read, once, and take it back when it can."""
        if self._unreadable and self.status.reason != self._unreadable:
            REFUSED.inc()
            log.warning("kept %s: %s", self.status.release or "no release", self._unreadable)
            self.status = replace(self.status, reason=self._unreadable)
        elif self._told_unreadable and not self._unreadable and self.status.reason == self._told_unreadable:
            self.status = replace(self.status, reason=None)
        self._told_unreadable = self._unreadable

    def _settle(self, seen: Seen) -> None:
        self._seen, self._failed, self._rest = seen, None, FIRST_RETRY_SECONDS

    def _try_again(self, failed: Seen | None) -> None:
        """After a rest, or at once when something changes; until then nothing counts as seen, not even what was before."""
        self._rest = min(2 * self._rest, LAST_RETRY_SECONDS) if failed == self._failed else FIRST_RETRY_SECONDS
        self._seen, self._failed, self._retry_at = None, failed, time.monotonic() + self._rest

    def _load(self, pointer: Pointer | None) -> None:
        catalogue = load_catalogue()
        before = self._fitting()
        self.funnel = Funnel(before, catalogue)  # the new licences at once, whatever happens to the release
        model = self._model(pointer, before)
        funnel = Funnel(model, catalogue)
        if model is not None and model is not before:
            _try_out(funnel)
            LOADED.inc()
            log.info("release %s is loaded", model.version)
        self.funnel = funnel
        self.status = Status(release=model.version if model else None)

    def _fitting(self) -> Model | None:
        """The loaded release, unless the feature views became others than it was trained on: then it must not rank."""
        before = self.funnel.model if self.funnel else None
        if before is not None:
            try:
                check_features(before.manifest)
            except SegueError:
                return None  # loading it again says why
        return before

    def _model(self, pointer: Pointer | None, before: Model | None) -> Model | None:
        if pointer is None:
            return None
        if before is not None and before.version == pointer.version:
            return before
        return load_model(pointer.version)

    def _refuse(self, pointer: Pointer | None, problem: Exception) -> None:
        sentence = str(problem) if isinstance(problem, SegueError) else f"{type(problem).__name__} while it was loaded"
        release = self.funnel.model.version if self.funnel and self.funnel.model else None
        status = Status(release=release, refused=pointer.version if pointer else None, reason=sentence)
        if status != self.status:  # one line for a failure, however often it is tried again
            REFUSED.inc()
            log.warning("kept %s: %s", release or "no release", sentence)
        self.status = status


def _try_out(funnel: Funnel) -> None:
    """One list for nobody, to whom every rule has something to say: a release whose models cannot answer is found out before
    it is live, and the first listener waits neither for TensorFlow nor for Numba to prepare."""
    row, catalogue = read_row(NOBODY), funnel.catalogue
    columns = {name: [value] for name, value in row.features.items()} | moment(None, None)
    week = days_of_week(funnel.model.manifest.as_of)  # type: ignore[union-attr]
    hits = list(catalogue.ids[catalogue.popular(None).order[:HABIT_TRACKS]])
    genres = list(catalogue.genres)[:1]
    tastes: dict[str, list[Any]] = {
        "heard_tracks": [hits],
        "heard_60d": [len(hits)],
        "top_genres": [genres],
        "top_genre_shares": [[1.0] * len(genres)],
    }
    listeners = listeners_of(catalogue, [NOBODY], tastes, days=week, discovery=True)
    funnel.personal(listeners, model_columns([NOBODY], columns), PLAYLIST_LENGTH)  # long enough to explore
    session = funnel.catalogue.rows(list(funnel.model.track_ids[:1]))  # type: ignore[union-attr]
    if funnel.goes_on_from(session):
        funnel.radio(listeners, session, 1)


def feature_store_answers() -> bool:
    """Whether a user row can be read now."""
    try:
        read_row(NOBODY)
    except Exception:  # any failure of the store means the same to the one who asks
        return False
    return True
