"""Lists out of ranked candidates: chosen under the policy from the best of them, from all of them where that gives too few,
and filled up from the popular where even those run out. Whatever way a track takes into a list, it passes `order`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from segue.compiled import compiled
from segue.playlists import PLAYLIST_LENGTH
from segue.policy import PolicySettings
from serving.funnel.lists import POPULAR, Lists, Ranked, at_columns, no_lists, replaced, some_lists, some_ranked
from serving.policy import order
from serving.policy.exploration import Exploration
from serving.policy.newness import tilted
from serving.policy.popularity_ceiling import BELOW, above
from serving.policy.rule import Floats, Listeners, Places, Pool
from serving.policy.selection import BY_RANK, EXPLORED, NOWHERE, Selection, select
from serving.policy.small_artists import columns_within, owed_of
from serving.tracks.catalogue import NO_TRACK, Catalogue, Rows

REACHES = (256, 4_096)
"""How far down the chart a short list looks for more, before it looks at all of it."""
MOST_CELLS = 4_000_000
"""Lists times candidates in one pool of fillers."""


@dataclass(frozen=True)
class ListMaker:
    """Makes lists of one catalogue under one policy. `vectors_of` gives (m, d) for rows (m,). Lists are weighed only for
    `personal` kinds of list; others keep the order of their scores as far as the rules let them. What is weighed explores in
    its last slots, by draws that `release` is a part of; a list that turns out short is made again and does not."""

    catalogue: Catalogue
    policy: PolicySettings
    vectors_of: Callable[[Rows], Floats]
    release: str = ""

    def make(self, listeners: Listeners, ranked: Ranked, count: int, *, weighed: bool) -> Lists:
        """A list of `count` for each listener out of candidates that the rules about single tracks have left; short only if
        nothing may be added."""
        lists = self._chosen(listeners, self.within(ranked, count), count, weighed=weighed, explore=True)
        more = (lists.lengths() < count) & (ranked.rows[:, self._width(count) :] != NO_TRACK).any(axis=1)
        if more.any():
            some = np.flatnonzero(more)
            wider = self._chosen(listeners.some(some), some_ranked(ranked, some), count, weighed=weighed, explore=False)
            lists = replaced(lists, some, wider)
        return self._under_the_ceiling(self._filled(lists, listeners, count), listeners, ranked, count)

    def popular(self, listeners: Listeners, count: int) -> Lists:
        """The popular tracks of each listener's territory that the policy leaves; worldwide where it has no chart."""
        nothing = Ranked(np.empty((len(listeners), 0), np.int32), np.empty((len(listeners), 0), np.float32), POPULAR)
        return self.make(listeners, nothing, count, weighed=False)

    def _width(self, count: int) -> int:
        return self.policy.candidates * max(1, -(-count // PLAYLIST_LENGTH))

    def _more(self, count: int) -> int:
        return 2 * owed_of(self.policy, count)  # not all that are looked at may come

    def within(self, ranked: Ranked, count: int) -> Ranked:
        """The candidates that lists are chosen from."""
        if not self._more(count):
            return Ranked(ranked.rows[:, : self._width(count)], ranked.score[:, : self._width(count)], ranked.source)
        return at_columns(ranked, columns_within(self.catalogue, ranked.rows, self._width(count), self._more(count)))

    def _chosen(self, listeners: Listeners, ranked: Ranked, count: int, *, weighed: bool, explore: bool) -> Lists:
        pool = self._pool(listeners, ranked, count, weighed=weighed)
        explorer = Exploration(pool, self.release) if explore and pool.weighs and len(listeners.adventurousness) else None
        source = np.full(pool.rows.shape, ranked.source, dtype=np.int8)
        return _listed(pool, ranked.score, source, select(pool, chooser=explorer), explorer)

    def _pool(self, listeners: Listeners, ranked: Ranked, count: int, *, weighed: bool) -> Pool:
        rows = np.ascontiguousarray(ranked.rows)
        weighed = weighed and rows.size > 0
        value = _value(ranked.score, self._width(count)) if weighed else _by_place(rows)
        vectors = self.vectors_of(rows.ravel()).reshape(*rows.shape, -1) if weighed else None
        return tilted(Pool(listeners, self.catalogue, self.policy, rows, rows != NO_TRACK, value, count, vectors))

    def _filled(self, lists: Lists, listeners: Listeners, count: int) -> Lists:
        """Short lists get popular tracks at their end, under the same policy."""
        for reach in (*(r for r in REACHES if r < len(self.catalogue)), len(self.catalogue)):
            short = np.flatnonzero(lists.lengths() < count)
            for some in _parts(short, reach + count):
                lists = replaced(lists, some, self._extended(some_lists(lists, some), listeners.some(some), reach, count))
        return lists

    def _extended(self, lists: Lists, listeners: Listeners, reach: int, count: int) -> Lists:
        rows, share = self._charts(lists, listeners, reach, count)
        begun = lists.lengths()
        pool_rows = np.concatenate([lists.rows, rows], axis=1)
        alive = order.allowed_alone(listeners, self.catalogue, rows)
        pool = replace(
            self._pool(listeners, Ranked(pool_rows, pool_rows, POPULAR), count, weighed=False),
            open=np.concatenate([np.zeros(lists.rows.shape, dtype=bool), alive], axis=1),
        )
        score = np.concatenate([lists.score, share], axis=1)
        source = np.concatenate([lists.source, np.full(rows.shape, POPULAR, dtype=np.int8)], axis=1)
        made = _listed(pool, score, source, select(pool, begun=begun))
        kept = np.arange(count) < begun[:, None]
        moved_by, propensity = (np.where(kept, getattr(lists, n), getattr(made, n)) for n in ("moved_by", "propensity"))
        return replace(made, moved_by=moved_by, propensity=propensity)

    def _charts(self, lists: Lists, listeners: Listeners, reach: int, count: int) -> tuple[Rows, Floats]:
        """The first `reach` tracks of each listener's chart and their shares (n, w), and as many by small artists behind them
        where those have a floor. Who is under a ceiling looks at what their list can afford, unless all are looked at."""
        owes = self._more(count) > 0 and reach < len(self.catalogue)
        rows = np.full((len(listeners), reach * (1 + owes)), NO_TRACK, dtype=np.int32)
        share = np.zeros(rows.shape, dtype=np.float32)
        afford = self._afford(lists, listeners, count) if reach < len(self.catalogue) else None
        for who, territory in enumerate(listeners.territory):
            chart = self.catalogue.popular(territory)
            found = chart.order[:reach]
            if afford is not None and np.isfinite(afford[who]):
                places = np.empty(reach, dtype=np.intp)
                found = chart.order[places[: _first_below(chart.log_plays_by_place, afford[who], places)]]
            if owes:
                found = np.concatenate([found, self.catalogue.small_chart(territory)[:reach]])
            rows[who, : len(found)], share[who, : len(found)] = found, chart.share[found]
        return rows, share

    def _afford(self, lists: Lists, listeners: Listeners, count: int) -> Floats | None:
        """The log-popularity (n,) an equal share of what a list may still spend comes to."""
        if not self._has_ceiling(listeners):
            return None
        there = lists.rows != NO_TRACK
        spent = np.where(there, self.catalogue.log_plays[np.maximum(lists.rows, 0)], 0).sum(axis=1)
        left = np.maximum(count - there.sum(axis=1), 1)
        habit = np.where(np.isnan(listeners.habit), np.inf, listeners.habit - BELOW)
        return np.asarray((count * habit - spent) / left, dtype=np.float32)

    def _under_the_ceiling(self, lists: Lists, listeners: Listeners, ranked: Ranked, count: int) -> Lists:
        """A list that ended early may be above the ceiling it would have kept at full length: it is chosen again, each track
        only if the list up to it keeps the ceiling."""
        if not self._has_ceiling(listeners) or not len(self.catalogue):
            return lists
        high = above(lists.rows, self.catalogue.log_plays, listeners.habit - BELOW / 2)
        for some in _parts(np.flatnonzero(high & (lists.lengths() < count)), ranked.rows.shape[1] + len(self.catalogue)):
            lists = replaced(lists, some, self._again(listeners.some(some), some_ranked(ranked, some), count))
        return lists

    def _again(self, listeners: Listeners, ranked: Ranked, count: int) -> Lists:
        empty = no_lists(len(listeners), count)
        rows, share = self._charts(empty, listeners, len(self.catalogue), count)
        every = Ranked(np.concatenate([ranked.rows, rows], axis=1), np.concatenate([ranked.score, share], axis=1), POPULAR)
        alive = order.allowed_alone(listeners, self.catalogue, every.rows)
        pool = replace(self._pool(listeners, every, count, weighed=False), open=alive)
        source = np.full(every.rows.shape, POPULAR, dtype=np.int8)
        source[:, : ranked.rows.shape[1]] = ranked.source
        return _listed(pool, every.score, source, select(pool))

    def _has_ceiling(self, listeners: Listeners) -> bool:
        return self.policy.popularity_ceiling and listeners.discovery and len(listeners.habit) > 0


@compiled
def _first_below(values: Floats, limit: np.float32, places: Places) -> int:
    """The places of the first values (m,) that are not above `limit`, as many as there is room for; how many there are."""
    found = 0
    for place in range(len(values)):
        if found == len(places):
            break
        if values[place] <= limit:
            places[found], found = place, found + 1
    return found


def _value(score: Floats, width: int) -> Floats:
    """Scores (n, c) as 1 for the best and 0 for the last of the first `width`."""
    there = np.isfinite(score)
    low = np.where(there, score, np.inf)[:, :width].min(axis=1, keepdims=True)
    high = np.where(there, score, -np.inf)[:, :width].max(axis=1, keepdims=True)
    span = np.where(high > low, high - low, 1)
    with np.errstate(invalid="ignore"):
        return np.where(there, (score - low) / span, 0).astype(np.float32)


def _by_place(rows: Rows) -> Floats:
    return np.broadcast_to(-np.arange(rows.shape[1], dtype=np.float32), rows.shape)


def _listed(
    pool: Pool, score: Floats, source: npt.NDArray[np.int8], chosen: Selection, explorer: Exploration | None = None
) -> Lists:
    """The chosen tracks, best ranked first. A rule brought a track in if its rank alone would not have."""
    last = np.where(chosen.places == NOWHERE, pool.rows.shape[1], chosen.places)
    by_rank = np.argsort(last, axis=1, kind="stable")
    places = np.take_along_axis(chosen.places, by_rank, axis=1)
    moved_by = np.take_along_axis(chosen.moved_by, by_rank, axis=1)
    lists = no_lists(*places.shape)
    if not pool.rows.shape[1]:
        return lists
    there, at = places != NOWHERE, np.maximum(places, 0)
    moved_by = np.where(there & (places >= pool.count), moved_by, BY_RANK).astype(np.int8)
    propensity = lists.propensity
    if explorer is not None:
        moved_by[np.take_along_axis(explorer.explored, by_rank, axis=1)] = EXPLORED
        propensity = np.take_along_axis(explorer.of_step, by_rank, axis=1)
    return Lists(
        np.where(there, np.take_along_axis(pool.rows, at, axis=1), NO_TRACK).astype(np.int32),
        np.where(there, np.take_along_axis(score[:, : pool.rows.shape[1]], at, axis=1), 0).astype(np.float32),
        np.where(there, np.take_along_axis(source, at, axis=1), 0).astype(np.int8),
        moved_by,
        propensity,
        explorer.tried() if explorer is not None else None,
    )


def _parts(which: Places, width: int) -> Iterator[Places]:
    size = max(1, MOST_CELLS // max(1, width))
    for start in range(0, len(which), size):
        yield which[start : start + size]
