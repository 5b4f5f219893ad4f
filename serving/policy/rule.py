"""What a policy rule is: a name, a mask over candidates, and a reason in words for what it removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Protocol

import numpy as np
import numpy.typing as npt

from segue.policy import DEFAULT_POLICY, PolicySettings
from serving.catalogue import Catalogue, Mask, Rows


@dataclass(frozen=True)
class Listeners:
    """The n people a batch of lists is for, and the days the lists live.

    `heard`, `disliked` and `excluded` are catalogue rows per person. `heard_on` may say when, by track row, for the
    inspector.
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

    def __len__(self) -> int:
        return len(self.ids)

    def some(self, which: npt.NDArray[np.intp]) -> Listeners:
        """The listeners at these positions."""
        return replace(
            self,
            ids=[self.ids[i] for i in which],
            territory=[self.territory[i] for i in which],
            explicit_allowed=self.explicit_allowed[which],
            heard=[self.heard[i] for i in which],
            disliked=[self.disliked[i] for i in which],
            excluded=[self.excluded[i] for i in which],
            heard_on=[self.heard_on[i] for i in which] if self.heard_on else [],
        )


@dataclass(frozen=True)
class Candidates:
    """What a rule looks at: catalogue `rows` (n, c), all valid, best first, and `alive` (n, c), what earlier rules left;
    `policy` holds the numbers of the rules."""

    listeners: Listeners
    catalogue: Catalogue
    rows: Rows
    alive: Mask
    policy: PolicySettings


@dataclass(frozen=True)
class Removal:
    """One track that a rule took from the list of listener number `who`."""

    listeners: Listeners
    catalogue: Catalogue
    who: int
    row: int
    policy: PolicySettings = DEFAULT_POLICY


class Rule(Protocol):
    """One rule. `about_list` is false when the answer for a track depends on the listener alone; such rules may also be
    asked about the whole catalogue before retrieval."""

    name: str
    about_list: bool

    def allowed(self, candidates: Candidates, /) -> Mask:
        """Which candidates (n, c) stay."""
        ...

    def reason(self, removal: Removal, /) -> str:
        """Why this rule removed a track, in words."""
        ...


def member(sets: Sequence[Rows], rows: Rows, size: int) -> Mask:
    """Whether candidate (i, j) is in set i; `size` is the number of tracks."""
    table = np.zeros((len(sets), size), dtype=bool)
    for who, items in enumerate(sets):
        table[who, items] = True
    return np.take_along_axis(table, rows, axis=1)


def occurrence(keys: npt.NDArray[np.int64], alive: Mask) -> npt.NDArray[np.intp]:
    """How many living candidates to the left in the same row have the same key, (n, c); 0 for dead ones.

    Sorts each row by key, stable, and counts within runs of equal keys.
    """
    count = np.arange(keys.shape[1])
    own = -1 - count  # a dead candidate meets nobody
    sortable = np.where(alive, keys, own)
    order = np.argsort(sortable, axis=1, kind="stable")
    ordered = np.take_along_axis(sortable, order, axis=1)
    begins = np.ones_like(ordered, dtype=bool)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    run_start = np.maximum.accumulate(np.where(begins, count, 0), axis=1)
    result = np.empty_like(order)
    np.put_along_axis(result, order, count - run_start, axis=1)
    return result
