"""What every recommender of this room learns from and answers with: weighted listens by index, and a best-first list.

The neural retriever and the baselines meet the same suite of tests through `Recommender`. Nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from segue.errors import SegueError
from segue.names import UNKNOWN_TERRITORY

Indices = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

SCORES_AT_ONCE = 20_000_000

NOTHING = -1
"""Stands where a list has no further track."""


@dataclass(frozen=True)
class Interactions:
    """Listens as parallel arrays (m,), users and tracks by index.

    Args:
        users: index below `n_users`, int64.
        tracks: index below `n_tracks`, int64.
        weights: label weight, above zero, float32.
        age_days: days from the listen to the cutoff, float32; None when the data has no times.
        territories: territory of each user (n_users,); None when the data has none.
    """

    users: Indices
    tracks: Indices
    weights: Floats
    n_users: int
    n_tracks: int
    age_days: Floats | None = None
    territories: Sequence[str] | None = None

    def __post_init__(self) -> None:
        lengths = {len(self.users), len(self.tracks), len(self.weights)}
        if len(lengths) != 1 or (self.age_days is not None and len(self.age_days) not in lengths):
            raise SegueError(
                expected="users, tracks, weights and ages of one length",
                received=f"lengths {sorted(lengths)}",
                mend="pass one row per listen",
            )

    @classmethod
    def from_matrix(cls, matrix: sp.csr_matrix) -> Interactions:
        """Every stored entry of a (users, tracks) matrix as one listen with its value as weight."""
        coo = matrix.tocoo()
        users, tracks = coo.row.astype(np.int64), coo.col.astype(np.int64)
        return cls(users, tracks, coo.data.astype(np.float32), *matrix.shape)

    def matrix(self, half_life_days: float | None = None) -> sp.csr_matrix:
        """(n_users, n_tracks) float32, the weights of repeated listens added up; with a half-life, a listen that old counts
        half, as far as the data has times."""
        weights = self.weights
        if half_life_days is not None and self.age_days is not None:
            weights = weights * 0.5 ** (self.age_days / half_life_days)
        shape = (self.n_users, self.n_tracks)
        return sp.csr_matrix((weights, (self.users, self.tracks)), shape=shape, dtype=np.float32)

    def territory_of(self) -> npt.NDArray[np.str_]:
        """Territory of each user (n_users,), the unknown territory where the data has none."""
        if self.territories is None:
            return np.full(self.n_users, UNKNOWN_TERRITORY)
        return np.asarray(self.territories, dtype=np.str_)


class Recommender(Protocol):
    """The one interface of a model that can be compared with the others."""

    def fit(self, interactions: Interactions) -> Self:
        """Learn; the same interactions give the same model."""
        ...

    def recommend(self, users: Indices, k: int, exclude: sp.csr_matrix | None = None) -> Indices:
        """The best `k` tracks of each user, best first: (n, k) int64, `NOTHING` where no track is left.

        Args:
            users: indices (n,) as in the interactions.
            k: length of each list.
            exclude: (n, n_tracks), the tracks a user may not get; row i belongs to `users[i]`.
        """
        ...


def best_first(scores: Floats, k: int, exclude: sp.csr_matrix | None = None) -> Indices:
    """The `k` highest of each row of `scores` (n, tracks), best first, equal scores by index; -inf is never taken.

    `scores` is written to: excluded places become -inf.
    """
    if exclude is not None:
        rows, columns = exclude.nonzero()
        scores[rows, columns] = -np.inf
    width = min(k, scores.shape[1])
    part = np.argpartition(-scores, width - 1, axis=1)[:, :width] if width < scores.shape[1] else _every(scores)
    values = np.take_along_axis(scores, part, axis=1)
    order = np.lexsort((part, -values), axis=1)
    found = np.take_along_axis(part, order, axis=1)
    found[np.isneginf(np.take_along_axis(values, order, axis=1))] = NOTHING
    return np.pad(found.astype(np.int64), ((0, 0), (0, k - width)), constant_values=NOTHING)


def recommend_by_score(
    scores: Callable[[Indices], Floats], users: Indices, k: int, exclude: sp.csr_matrix | None, n_tracks: int
) -> Indices:
    """`best_first` for `users` (n,), a few at a time so that the dense scores stay under `SCORES_AT_ONCE` numbers.

    `scores` gives a fresh array (rows, n_tracks) for some users.
    """
    rows = max(1, SCORES_AT_ONCE // max(n_tracks, 1))
    parts = [np.empty((0, k), np.int64)]
    for start in range(0, len(users), rows):
        some = slice(start, start + rows)
        parts.append(best_first(scores(users[some]), k, None if exclude is None else exclude[some]))
    return np.concatenate(parts)


def _every(scores: Floats) -> Indices:
    return np.tile(np.arange(scores.shape[1]), (len(scores), 1))
