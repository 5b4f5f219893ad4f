"""What a policy rule is, and whom and what it looks at. Rules about single tracks (`Rule`) come first; rules about a list in
the making (`ListRule`) come after, and steer one selection (`serving.policy.selection`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from segue.compiled import compiled
from segue.policy import DEFAULT_POLICY, PolicySettings
from serving.tracks.catalogue import Catalogue, Mask, Rows

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Listeners:
    """The n people a batch of lists is for, and the days the lists live.

    `heard`, `disliked` and `excluded` are catalogue rows per person; `heard` is what a list of this kind may not repeat:
    everything for `discovery`, the last 60 days elsewhere. `disliked_artists` are artist codes. `genres` and `genre_shares`
    (n, g) are each person's own mix as genre codes, best first, -1 and 0 where it has fewer. `habit` (n,) is the mean
    log-popularity of what they hear, NaN for who has no habit. `heard_on` may say when, by track row, for the inspector.
    `saved` are the rows they saved, `adventurousness` (n,) their dial from 0 to 1, NaN where they have not set it. What has a
    default may be empty: nothing is known then, and without any dial nothing explores.
    """

    ids: list[str]
    territory: list[str | None]
    explicit_allowed: Mask
    heard: list[Rows]
    disliked: list[Rows]
    excluded: list[Rows]
    first: date
    last: date
    heard_on: list[dict[int, date]] = field(default_factory=list)
    disliked_artists: list[Rows] = field(default_factory=list)
    genres: Rows = field(default_factory=lambda: np.empty((0, 0), dtype=np.int32))
    genre_shares: Floats = field(default_factory=lambda: np.empty((0, 0), dtype=np.float32))
    habit: Floats = field(default_factory=lambda: np.empty(0, dtype=np.float32))
    discovery: bool = True
    saved: list[Rows] = field(default_factory=list)
    adventurousness: Floats = field(default_factory=lambda: np.empty(0, dtype=np.float32))

    def __len__(self) -> int:
        return len(self.ids)

    def some(self, which: npt.NDArray[np.intp]) -> Listeners:
        """The listeners at these positions."""

        def of(values: list[Any]) -> list[Any]:
            return [values[i] for i in which] if values else []

        def rows_of(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return values[which] if len(values) else values

        return replace(
            self,
            ids=of(self.ids),
            territory=of(self.territory),
            explicit_allowed=self.explicit_allowed[which],
            heard=of(self.heard),
            disliked=of(self.disliked),
            excluded=of(self.excluded),
            heard_on=of(self.heard_on),
            disliked_artists=of(self.disliked_artists),
            genres=rows_of(self.genres),
            genre_shares=rows_of(self.genre_shares),
            habit=rows_of(self.habit),
            saved=of(self.saved),
            adventurousness=rows_of(self.adventurousness),
        )


@dataclass(frozen=True)
class Candidates:
    """What a rule looks at: catalogue `rows` (n, c), all valid, best first."""

    listeners: Listeners
    catalogue: Catalogue
    rows: Rows


@dataclass(frozen=True)
class Removal:
    """One track that a rule took from the list of listener number `who`."""

    listeners: Listeners
    catalogue: Catalogue
    who: int
    row: int
    policy: PolicySettings = DEFAULT_POLICY


class Rule(Protocol):
    """A rule about a single track: its answer depends on the listener and the track alone."""

    name: str

    def allowed(self, candidates: Candidates, /) -> Mask:
        """Which candidates (n, c) stay."""
        ...

    def reason(self, removal: Removal, /) -> str:
        """Why this rule removed a track, in words."""
        ...


@dataclass(frozen=True)
class Pool:
    """What n lists of `count` are chosen from: candidate `rows` (n, c), those that may come `open` (n, c), and what each is
    worth, `value` (n, c), from 1 for the best to 0 for the last, or falling by place where only order counts. `vectors`
    (n, c, d) have length one; without them the rules that weigh stand aside and only what must hold does. `newness` (n, c) is
    how new each is to its listener, of which `value` has `tilt` (n,) times as much; None where that was not asked."""

    listeners: Listeners
    catalogue: Catalogue
    policy: PolicySettings
    rows: Rows
    open: Mask
    value: Floats
    count: int
    vectors: Floats | None = None
    newness: Floats | None = None
    tilt: Floats | None = None

    @property
    def weighs(self) -> bool:
        return self.vectors is not None

    @property
    def moves(self) -> bool:
        """Whether any rule may put one track before another that ranks higher."""
        return self.weighs or self.policy.small_artists > 0

    def of_track(self, column: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A column of the catalogue for each candidate (n, c); what is no track reads the first row."""
        return column.take(np.maximum(self.rows, 0))


@dataclass(frozen=True)
class Account:
    """What r rules say of the candidates of n lists in the making: `gain` (r, n, c) is what taking a candidate next is worth
    to each, on the scale of `Pool.value`, and `closed` (r, n, c) says which may not come."""

    gain: Floats
    closed: Mask

    @classmethod
    def empty(cls, rules: int, shape: tuple[int, ...]) -> Account:
        """Nothing gained, nothing closed."""
        return cls(np.zeros((rules, *shape), dtype=np.float32), np.zeros((rules, *shape), dtype=bool))


@dataclass(frozen=True)
class Kept:
    """The list that one listener was given, catalogue rows `listed` (k,) best first, which was to have `count`; and what it
    was chosen from and has not, `rows` (c,). `by_rank` (c,) says which of these their rank alone would have brought in.
    `likeness` (c,) is the largest cosine to a track of the list, None where nothing was weighed."""

    listeners: Listeners
    catalogue: Catalogue
    policy: PolicySettings
    listed: Rows
    rows: Rows
    count: int
    by_rank: Mask
    likeness: Floats | None = None

    def nothing(self) -> Mask:
        """What a rule says that kept none of them out (c,)."""
        return np.zeros(len(self.rows), dtype=bool)


class ListRule(Protocol):
    """A rule about the list as a whole: what it closes must hold, what it gains is weighed against the ranker's score.

    Its state is a named tuple of arrays, one row a list, and its file has `took(state, who, place)` in machine code, which
    brings its part of the account up to date when list `who` has taken candidate `place`; `serving.policy.order` calls it.
    """

    name: str

    def begin(self, pool: Pool, gain: Floats, closed: Mask, /) -> tuple[Any, ...]:
        """Write what holds for empty lists into `gain` and `closed` (n, c), which are zeros, and go on from there with every
        track taken. A state whose arrays have no candidates stands for a rule that changes nothing."""
        ...

    def kept_out(self, kept: Kept, /) -> Mask:
        """Of which candidates (c,) `reason` is true of the very list that was kept, however that came about."""
        ...

    def reason(self, removal: Removal, /) -> str:
        """Why this rule kept a track out, in words."""
        ...

    def moved_in(self, catalogue: Catalogue, row: int, /) -> str | None:
        """Why this rule brought in a track that its score alone would not have, in words; None if that says nothing."""
        ...


def member(sets: Sequence[Rows], keys: Rows, size: int) -> Mask:
    """Whether key (i, j) is in set i; all are from 0 to below `size`, and nobody checks that. One table of that size
    serves one row after the other, so that n users cost n times their own tracks and never the catalogue."""
    found = np.zeros(keys.shape, dtype=bool)
    if any(map(len, sets)):
        _mark(
            np.concatenate([items for items in sets if len(items)]),
            np.cumsum([len(items) for items in sets], dtype=np.intp),
            np.ascontiguousarray(keys),
            np.zeros(size, dtype=bool),
            found,
        )
    return found


@compiled
def _mark(items: Rows, ends: Places, keys: Rows, marked: Mask, found: Mask) -> None:
    """Mark the items of one row after the other, which end at `ends` (n,), and look its keys up."""
    for who in range(len(ends)):
        begin = ends[who - 1] if who else 0
        for item in items[begin : ends[who]]:
            marked[item] = True
        for place in range(keys.shape[1]):
            found[who, place] = marked[keys[who, place]]
        for item in items[begin : ends[who]]:
            marked[item] = False


def words(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
