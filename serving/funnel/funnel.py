"""The funnel: retrieve 500 candidates, rank them all, make lists of them under the policy. One code for the live
service (n = 1) and the weekly batch, on arrays from end to end; nothing here knows HTTP, Feast or files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from segue.policy import DEFAULT_POLICY, PolicySettings
from segue.release import CANDIDATES
from serving.funnel.kept_out import kept_out
from serving.funnel.list_maker import ListMaker
from serving.funnel.lists import FOLLOWING, POPULAR, RETRIEVED, SIMILAR, Lists, Ranked, Taken
from serving.funnel.model import Columns, Floats, Indices, Model
from serving.policy.order import allowed_alone
from serving.policy.rule import Listeners
from serving.tracks.catalogue import NO_TRACK, Catalogue, Rows

MARGIN, LAST_MARGIN = 300, 1_500
"""How many more than the candidates an index is asked for, as a listener may not get all it finds: first, and where that left
too few."""

LOOKED_AT = 256
"""Places of a chart, or neighbours of a track, of which an explanation says what became of them."""


@dataclass(frozen=True)
class Funnel:
    """A release (or none yet) over a catalogue; immutable, so that the service can swap one for another at once."""

    model: Model | None
    catalogue: Catalogue

    def __post_init__(self) -> None:
        ids = self.model.track_ids if self.model else np.empty(0, dtype=object)
        row_of = np.array([self.catalogue.row(track) for track in ids], dtype=np.int32)
        number_of = np.full(len(self.catalogue), -1, dtype=np.int32)
        number_of[row_of[row_of >= 0]] = np.flatnonzero(row_of >= 0)
        object.__setattr__(self, "_row_of", row_of)
        object.__setattr__(self, "_number_of", number_of)

    @property
    def policy(self) -> PolicySettings:
        """The numbers of the release's rules, the defaults where there is no release."""
        return self.model.policy if self.model else DEFAULT_POLICY

    @property
    def _lists(self) -> ListMaker:
        return ListMaker(self.catalogue, self.policy, self.vectors_of, self.model.version if self.model else "")

    def personal(self, listeners: Listeners, columns: Columns, count: int) -> Lists:
        """A list of `count` for each listener from user columns (n rows each); short only if the catalogue is."""
        rows, score = self._ranked(listeners, columns, allowed_only=True)
        return self._lists.make(listeners, Ranked(rows, score, RETRIEVED), count, weighed=True)

    def removed(self, listeners: Listeners, columns: Columns, count: int, listed: Rows) -> Taken:
        """What stood among one listener's best candidates and was kept out of their list of `count` with `listed` (k,), with
        the rule."""
        before, ranked = (
            Ranked(*self._ranked(listeners, columns, allowed_only=allowed), RETRIEVED) for allowed in (False, True)
        )
        return kept_out(self._lists, listeners, before, ranked, listed, count, weighed=True)

    def goes_on_from(self, session: Rows) -> bool:
        """Whether the release has a model of sessions that knows one of these catalogue rows."""
        return self.model is not None and self.model.sessions is not None and len(self._numbers_in(session)) > 0

    def radio(self, listeners: Listeners, session: Rows, count: int) -> Lists:
        """The likeliest tracks after a running session, catalogue rows (s,) oldest first, for one listener; only where the
        funnel `goes_on_from` it."""
        rows, score = self._following(listeners, session, allowed_only=True)
        return self._lists.make(listeners, Ranked(rows, score, FOLLOWING), count, weighed=True)

    def removed_from_radio(self, listeners: Listeners, session: Rows, count: int, listed: Rows) -> Taken:
        """What stood among the likeliest tracks after a session and was kept out of a list of `count` with `listed` (k,), with
        the rule."""
        before, ranked = (
            Ranked(*self._following(listeners, session, allowed_only=allowed), FOLLOWING) for allowed in (False, True)
        )
        return kept_out(self._lists, listeners, before, ranked, listed, count, weighed=True)

    def popular(self, listeners: Listeners, count: int) -> Lists:
        """The popular tracks of each listener's territory that the policy leaves; worldwide where it has no chart."""
        return self._lists.popular(listeners, count)

    def removed_from_popular(self, listeners: Listeners, count: int, listed: Rows) -> Taken:
        """What one listener's chart lost to which rule before the end of the popular list of `count` with `listed` (k,)."""
        chart = self.catalogue.popular(listeners.territory[0])
        first = chart.order[:LOOKED_AT]
        ranked = Ranked(first[None], chart.share[first][None], POPULAR)
        return _removed_before(self._lists, listeners, ranked, count, listed)

    def similar(self, row: int, listeners: Listeners, count: int) -> Lists | None:
        """The nearest tracks to a catalogue row by the release's vectors; None when the release does not know it."""
        near = self._neighbours(row)
        if near is None:
            return None
        rows = np.where(allowed_alone(listeners, self.catalogue, near.rows), near.rows, NO_TRACK)
        return self._lists_of_likeness.make(listeners, Ranked(rows, near.score, SIMILAR), count, weighed=False)

    def removed_from_similar(self, row: int, listeners: Listeners, count: int, listed: Rows) -> Taken:
        """What the neighbours of a catalogue row lost to which rule before the end of their list of `count` with `listed`."""
        near = self._neighbours(row)
        if near is None:
            raise ValueError("the release does not know this track: its list is the popular one")
        return _removed_before(self._lists_of_likeness, listeners, near, count, listed)

    @property
    def _lists_of_likeness(self) -> ListMaker:
        """Who asks for the likeness of a track gets it, whoever made it."""
        return replace(self._lists, policy=self.policy.model_copy(update={"small_artists": 0.0}))

    def _neighbours(self, row: int) -> Ranked | None:
        """The nearest of all tracks to a catalogue row (1, c), best first; None when the release does not know it."""
        number = self._number_of[row] if self.model else -1
        if self.model is None or number < 0:
            return None
        similarity = self.model.vectors[[number]] @ self.model.vectors.T
        known = self._row_of[None] >= 0
        numbers, score = _best(np.where(known, similarity, -np.inf), CANDIDATES)
        return Ranked(np.where(np.isfinite(score), self._row_of[numbers], NO_TRACK).astype(np.int32), score, SIMILAR)

    def vectors_of(self, rows: Rows) -> Floats:
        """Track vectors of the catalogue rows that the release knows, zeros for the others, (r, d)."""
        if self.model is None:
            return np.zeros((len(rows), 1), dtype=np.float32)
        numbers = np.where(rows >= 0, self._number_of[rows], -1)
        vectors = self.model.vectors[numbers]
        vectors[numbers < 0] = 0
        return vectors

    def _ranked(self, listeners: Listeners, columns: Columns, *, allowed_only: bool) -> tuple[Rows, Floats]:
        """Candidates (n, c) as catalogue rows with their scores, best first; `NO_TRACK` and -inf at the end."""
        if self.model is None:
            raise ValueError("a funnel without a release has no personal list: ask for the popular one")
        numbers, similarity = self._retrieved(self.model, listeners, columns, allowed_only=allowed_only)
        there = np.isfinite(similarity)
        score = self.model.scores(columns, numbers, np.where(there, similarity, np.float32(0)))
        score = np.where(there, score, np.float32(-np.inf))
        order = np.argsort(-score, axis=1, kind="stable")
        rows = np.where(there, self._row_of.take(numbers), NO_TRACK).astype(np.int32)
        return np.take_along_axis(rows, order, axis=1), np.take_along_axis(score, order, axis=1)

    def _following(self, listeners: Listeners, session: Rows, *, allowed_only: bool) -> tuple[Rows, Floats]:
        """Candidates (1, c) as catalogue rows with their probabilities, best first; `NO_TRACK` and -inf at the end. What
        the listener may not get is passed over before the cut, as in `_retrieved`."""
        if self.model is None or self.model.sessions is None:
            raise ValueError("a funnel without a session model knows no next track: ask `goes_on_from` first")
        probability, rows = self.model.following(self._numbers_in(session)), self._row_of[None]
        wanted = allowed_alone(listeners, self.catalogue, rows) if allowed_only else rows >= 0
        best, score = _best(np.where(wanted, probability, np.float32(-np.inf)), CANDIDATES)
        return np.where(np.isfinite(score), rows[0][best], NO_TRACK).astype(np.int32), score

    def _numbers_in(self, session: Rows) -> Indices:
        """The release's numbers of the catalogue rows it knows, in the same order."""
        numbers = self._number_of[session[session >= 0]]
        return numbers[numbers >= 0]

    def _retrieved(
        self, model: Model, listeners: Listeners, columns: Columns, *, allowed_only: bool
    ) -> tuple[Indices, Floats]:
        """Track numbers and similarity (n, c). Tracks a listener may not get are passed over before the cut, so that 500
        candidates are 500 chances; with an index that means asking for more."""
        queries = model.queries(columns)
        if model.searcher is None:
            similarity = queries @ model.vectors.T
            numbers = np.broadcast_to(np.arange(len(self._row_of), dtype=np.int32), similarity.shape)
            return self._best_wanted(listeners, numbers, similarity, allowed_only=allowed_only)
        asked = model.nearest(queries, CANDIDATES + MARGIN * allowed_only)
        numbers, similarity = self._best_wanted(listeners, *asked, allowed_only=allowed_only)
        short = np.flatnonzero(np.isneginf(similarity).any(axis=1))
        if allowed_only and len(short):
            asked = model.nearest(queries[short], CANDIDATES + LAST_MARGIN)
            more = self._best_wanted(listeners.some(short), *asked, allowed_only=True)
            numbers[short], similarity[short] = more
        return numbers, similarity

    def _best_wanted(
        self, listeners: Listeners, numbers: Indices, similarity: Floats, *, allowed_only: bool
    ) -> tuple[Indices, Floats]:
        """The best candidates (n, c) of those found (n, k); -inf where there were not as many that a listener may get."""
        rows = self._row_of.take(numbers)
        wanted = allowed_alone(listeners, self.catalogue, rows) if allowed_only else rows >= 0
        best, similarity = _best(np.where(wanted, similarity, np.float32(-np.inf)), CANDIDATES)
        return np.take_along_axis(numbers, best, axis=1), similarity

    _row_of: Rows = None  # type: ignore[assignment]
    _number_of: Rows = None  # type: ignore[assignment]


def _removed_before(lists: ListMaker, listeners: Listeners, ranked: Ranked, count: int, listed: Rows) -> Taken:
    """What one listener's candidates lost before the last of a list that keeps their order; a list that is short, or goes
    on elsewhere, has looked at all of them, of which the first are told."""
    seen = np.flatnonzero(np.isin(ranked.rows[0, :LOOKED_AT], listed[listed != NO_TRACK]))
    end = seen[-1] + 1 if len(seen) == count else LOOKED_AT
    rows = ranked.rows[:, :end]
    by_place = -np.arange(rows.shape[1], dtype=np.float32)[None]
    allowed = np.where(allowed_alone(listeners, lists.catalogue, rows), rows, NO_TRACK)
    before, after = (Ranked(some, by_place, ranked.source) for some in (rows, allowed))
    return kept_out(lists, listeners, before, after, listed, count, weighed=False)


def _best(similarity: Floats, count: int) -> tuple[Indices, Floats]:
    """Columns and values (n, count) of the largest values of each row, largest first."""
    count = min(count, similarity.shape[1])
    part = np.argpartition(-similarity, count - 1, axis=1)[:, :count] if count else np.empty((len(similarity), 0), np.intp)
    part.sort(axis=1)  # so that equal values keep the order of the tracks
    values = np.take_along_axis(similarity, part, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(part, order, axis=1).astype(np.int32), np.take_along_axis(values, order, axis=1)
