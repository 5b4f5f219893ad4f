"""The funnel: retrieve 500 candidates, rank them all, apply the policy, fill up from the popular. One code for the live
service (n = 1) and the weekly batch, on arrays from end to end; nothing here knows HTTP, Feast or files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segue.names import CandidateSource
from segue.policy import DEFAULT_POLICY, PolicySettings
from serving.catalogue import NO_TRACK, Catalogue, Mask, Rows
from serving.model import Columns, Floats, Indices, Model
from serving.policy.order import CAPPED, KEPT, allowed_alone, removed_by
from serving.policy.rule import Listeners

CANDIDATES = 500
FIRST_FILL = 2_000
INDEX_MARGIN = 1_500
SOURCES = (CandidateSource.RETRIEVER, CandidateSource.SIMILAR, CandidateSource.POPULAR, CandidateSource.SESSION)
RETRIEVED, SIMILAR, POPULAR, FOLLOWING = range(4)


@dataclass(frozen=True)
class Lists:
    """n lists of k tracks, best first: catalogue `rows` (`NO_TRACK` after the end of a short list), `score` and `source`
    (a number in `SOURCES`), each (n, k)."""

    rows: Rows
    score: Floats
    source: npt.NDArray[np.int8]

    def lengths(self) -> npt.NDArray[np.intp]:
        return (self.rows != NO_TRACK).sum(axis=1)


@dataclass(frozen=True)
class Taken:
    """What the policy took from one listener's candidates, best first: rows and rule numbers, each (r,)."""

    rows: Rows
    rule: npt.NDArray[np.int8]


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

    def personal(self, listeners: Listeners, columns: Columns, count: int) -> Lists:
        """A list of `count` for each listener from user columns (n rows each); short only if the catalogue is."""
        rows, score = self._ranked(listeners, columns, allowed_only=True)
        kept = _first(rows, score, removed_by(listeners, self.catalogue, rows, self.policy) == KEPT, count, RETRIEVED)
        return self._filled(kept, listeners, count)

    def removed(self, listeners: Listeners, columns: Columns) -> Taken:
        """What stood among one listener's best candidates and was removed, with the rule."""
        return self._taken(listeners, self._ranked(listeners, columns, allowed_only=False)[0])

    def goes_on_from(self, session: Rows) -> bool:
        """Whether the release has a model of sessions that knows one of these catalogue rows."""
        return self.model is not None and self.model.sessions is not None and len(self._numbers_in(session)) > 0

    def radio(self, listeners: Listeners, session: Rows, count: int) -> Lists:
        """The likeliest tracks after a running session, catalogue rows (s,) oldest first, for one listener; only where the
        funnel `goes_on_from` it."""
        rows, score = self._following(listeners, session, allowed_only=True)
        kept = _first(rows, score, removed_by(listeners, self.catalogue, rows, self.policy) == KEPT, count, FOLLOWING)
        return self._filled(kept, listeners, count)

    def removed_from_radio(self, listeners: Listeners, session: Rows) -> Taken:
        """What stood among the likeliest tracks after a session and was removed, with the rule."""
        return self._taken(listeners, self._following(listeners, session, allowed_only=False)[0])

    def popular(self, listeners: Listeners, count: int) -> Lists:
        """The popular tracks of each listener's territory that the policy leaves; worldwide where it has no chart."""
        nothing = np.empty((len(listeners), 0), dtype=np.int32)
        empty = Lists(nothing, nothing.astype(np.float32), nothing.astype(np.int8))
        return self._filled(_padded(empty, count), listeners, count)

    def similar(self, row: int, listeners: Listeners, count: int) -> Lists | None:
        """The nearest tracks to a catalogue row by the release's vectors; None when the release does not know it."""
        number = self._number_of[row] if self.model else -1
        if self.model is None or number < 0:
            return None
        similarity = self.model.vectors[[number]] @ self.model.vectors.T
        known = self._row_of[None] >= 0
        numbers, score = _best(np.where(known, similarity, -np.inf), CANDIDATES)
        rows = np.where(np.isfinite(score), self._row_of[numbers], NO_TRACK)
        kept = _first(rows, score, removed_by(listeners, self.catalogue, rows, self.policy) == KEPT, count, SIMILAR)
        return self._filled(kept, listeners, count)

    def vectors_of(self, rows: Rows) -> Floats:
        """Track vectors of the catalogue rows that the release knows, zeros for the others, (r, d)."""
        if self.model is None:
            return np.zeros((len(rows), 1), dtype=np.float32)
        numbers = np.where(rows >= 0, self._number_of[rows], -1)
        return np.where(numbers[:, None] >= 0, self.model.vectors[numbers], np.float32(0))

    def _ranked(self, listeners: Listeners, columns: Columns, *, allowed_only: bool) -> tuple[Rows, Floats]:
        """Candidates (n, c) as catalogue rows with the ranker's scores, best first; `NO_TRACK` and -inf at the end."""
        if self.model is None:
            raise ValueError("a funnel without a release has no personal list: ask for the popular one")
        numbers, similarity = self._retrieved(self.model, listeners, columns, allowed_only=allowed_only)
        there = np.isfinite(similarity)
        score = self.model.scores(columns, numbers, np.where(there, similarity, np.float32(0)))
        score = np.where(there, score, np.float32(-np.inf))
        order = np.argsort(-score, axis=1, kind="stable")
        rows = np.where(there, self._row_of[numbers], NO_TRACK).astype(np.int32)
        return np.take_along_axis(rows, order, axis=1), np.take_along_axis(score, order, axis=1)

    def _following(self, listeners: Listeners, session: Rows, *, allowed_only: bool) -> tuple[Rows, Floats]:
        """Candidates (1, c) as catalogue rows with their probabilities, best first; `NO_TRACK` and -inf at the end. What
        the listener may not get is passed over before the cut, as in `_retrieved`."""
        if self.model is None or self.model.sessions is None:
            raise ValueError("a funnel without a session model knows no next track: ask `goes_on_from` first")
        probability, rows = self.model.following(self._numbers_in(session)), self._row_of[None]
        wanted = allowed_alone(listeners, self.catalogue, rows, self.policy) if allowed_only else rows >= 0
        best, score = _best(np.where(wanted, probability, np.float32(-np.inf)), CANDIDATES)
        return np.where(np.isfinite(score), rows[0][best], NO_TRACK).astype(np.int32), score

    def _numbers_in(self, session: Rows) -> Indices:
        """The release's numbers of the catalogue rows it knows, in the same order."""
        numbers = self._number_of[session[session >= 0]]
        return numbers[numbers >= 0]

    def _taken(self, listeners: Listeners, rows: Rows) -> Taken:
        rule = removed_by(listeners, self.catalogue, rows, self.policy)[0]
        return Taken(rows[0][rule >= 0], rule[rule >= 0])

    def _retrieved(
        self, model: Model, listeners: Listeners, columns: Columns, *, allowed_only: bool
    ) -> tuple[Indices, Floats]:
        """Track numbers and similarity (n, c). Tracks a listener may not get are passed over before the cut, so that 500
        candidates are 500 chances; with an index that means asking for more."""
        queries = model.queries(columns)
        if model.searcher is None:
            similarity = queries @ model.vectors.T
            numbers = np.broadcast_to(np.arange(len(self._row_of), dtype=np.int32), similarity.shape)
        else:
            numbers, similarity = model.nearest(queries, CANDIDATES + INDEX_MARGIN * allowed_only)
        rows = self._row_of[numbers]
        wanted = allowed_alone(listeners, self.catalogue, rows, self.policy) if allowed_only else rows >= 0
        best, similarity = _best(np.where(wanted, similarity, np.float32(-np.inf)), CANDIDATES)
        return np.take_along_axis(numbers, best, axis=1), similarity

    def _filled(self, kept: Lists, listeners: Listeners, count: int) -> Lists:
        """Short lists get popular tracks at their end, under the same policy."""
        for reach in (FIRST_FILL, len(self.catalogue)):
            short = np.flatnonzero(kept.lengths() < count)
            if not len(short):
                break
            kept = _replaced(kept, short, self._extended(kept, short, listeners.some(short), reach, count))
        return kept

    def _extended(self, kept: Lists, short: npt.NDArray[np.intp], listeners: Listeners, reach: int, count: int) -> Lists:
        charts = [self.catalogue.popular(territory) for territory in listeners.territory]
        more = np.stack([chart.order[:reach] for chart in charts])
        share = np.stack([chart.share[chart.order[:reach]] for chart in charts])
        more = np.where(_contains(kept.rows[short], more), NO_TRACK, more)
        rows = np.concatenate([kept.rows[short], more], axis=1)
        score = np.concatenate([kept.score[short], share], axis=1)
        source = np.concatenate([kept.source[short], np.full_like(more, POPULAR, dtype=np.int8)], axis=1)
        return _take(Lists(rows, score, source), self._most_alive(listeners, rows, count), count)

    def _most_alive(self, listeners: Listeners, rows: Rows, count: int) -> Mask:
        """What the policy leaves of candidates (n, c). A track that only the artist cap removed must not stand for its
        version family: without it another artist's version may come in, so the rules are asked again until nothing moves."""
        while True:
            verdict = removed_by(listeners, self.catalogue, rows, self.policy)
            capped = (verdict == CAPPED) & ((verdict == KEPT).sum(axis=1) < count)[:, None]
            if not capped.any():
                return verdict == KEPT
            rows = np.where(capped, NO_TRACK, rows)

    _row_of: Rows = None  # type: ignore[assignment]
    _number_of: Rows = None  # type: ignore[assignment]


def _best(similarity: Floats, count: int) -> tuple[Indices, Floats]:
    """Columns and values (n, count) of the largest values of each row, largest first."""
    count = min(count, similarity.shape[1])
    part = np.argpartition(-similarity, count - 1, axis=1)[:, :count] if count else np.empty((len(similarity), 0), np.intp)
    part.sort(axis=1)  # so that equal values keep the order of the tracks
    values = np.take_along_axis(similarity, part, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(part, order, axis=1).astype(np.int32), np.take_along_axis(values, order, axis=1)


def _first(rows: Rows, score: Floats, alive: Mask, count: int, source: int) -> Lists:
    return _take(Lists(rows, score, np.full(rows.shape, source, dtype=np.int8)), alive, count)


def _take(lists: Lists, alive: Mask, count: int) -> Lists:
    """The first `count` living tracks of each list, in order, padded to `count`."""
    order = np.argsort(~alive, axis=1, kind="stable")[:, :count]
    there = np.take_along_axis(alive, order, axis=1)
    taken = Lists(
        np.where(there, np.take_along_axis(lists.rows, order, axis=1), NO_TRACK).astype(np.int32),
        np.where(there, np.take_along_axis(lists.score, order, axis=1), 0).astype(np.float32),
        np.take_along_axis(lists.source, order, axis=1),
    )
    return _padded(taken, count)


def _padded(lists: Lists, count: int) -> Lists:
    width = [(0, 0), (0, max(0, count - lists.rows.shape[1]))]
    return Lists(np.pad(lists.rows, width, constant_values=NO_TRACK), np.pad(lists.score, width), np.pad(lists.source, width))


def _replaced(lists: Lists, which: npt.NDArray[np.intp], by: Lists) -> Lists:
    rows, score, source = lists.rows.copy(), lists.score.copy(), lists.source.copy()
    rows[which], score[which], source[which] = by.rows, by.score, by.source
    return Lists(rows, score, source)


def _contains(few: Rows, many: Rows) -> Mask:
    """Whether many (n, p) is among few (n, k), by row; few is at most a list long."""
    return (many[:, :, None] == few[:, None, :]).any(axis=2)
