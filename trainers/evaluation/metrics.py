"""What a list is worth: recall and NDCG against held-out listens, and how sure a mean over users is. What a list is worth
beside being right is for `trainers.evaluation.list_metrics`.

Every function takes lists as indices (n, k), best first, `NOTHING` where a list ends early, and truth as a sparse matrix
(n, tracks). A user with truth and an empty list scores zero; users without truth are the caller's to leave out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from trainers.interactions import NOTHING, Indices

Doubles = npt.NDArray[np.float64]
Hits = npt.NDArray[np.bool_]

DRAWS = 1_000
_COUNTS_AT_ONCE = 2_000_000


def hits(lists: Indices, truth: sp.csr_matrix) -> Hits:
    """(n, k): whether the track at each place is in the user's truth."""
    rows = np.repeat(np.arange(len(lists)), lists.shape[1])
    found = np.asarray(truth[rows, np.maximum(lists, 0).ravel()]).reshape(lists.shape)
    return (found != 0) & (lists != NOTHING)


def recall(hit: Hits, wanted: Indices) -> Doubles:
    """Share of each user's wanted tracks (n,) that the list has."""
    return hit.sum(axis=1) / np.maximum(wanted, 1)


def ndcg(hit: Hits, wanted: Indices) -> Doubles:
    """Normalised discounted cumulative gain (n,), binary gain, discount 1 / log2(place + 1) for places from 1; the ideal
    list has min(k, wanted) hits first (Järvelin and Kekäläinen, 2002)."""
    k = hit.shape[1]
    discount = 1 / np.log2(np.arange(k) + 2)
    ideal = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(wanted, k)]
    gain: Doubles = hit @ discount
    return gain / np.maximum(ideal, discount[-1])


def redrawn(n: int, *, seed: int, draws: int = DRAWS, width: int = 1) -> Iterator[Doubles]:
    """How often each of n users is there when n are drawn with replacement: `draws` rows (d, n), a few at a time so that
    neither they nor rows of `width` numbers need more than 16 MB. The same seed draws the same users, whatever is measured."""
    rng = np.random.default_rng(seed)
    step = max(1, _COUNTS_AT_ONCE // max(n, width))
    for at in range(0, draws, step):
        some = min(step, draws - at)
        places = rng.integers(0, n, size=(some, n)) + n * np.arange(some)[:, None]
        yield np.bincount(places.ravel(), minlength=some * n).reshape(some, n).astype(np.float64)


def bootstrap_intervals(values: Doubles, *, seed: int, draws: int = DRAWS, level: float = 0.95) -> Doubles:
    """Percentile intervals (m, 2) of the mean over users of each column of `values` (n, m) when the users are drawn again
    with replacement (Efron, 1979), the same users for every column.

    A user whose value is NaN has none and is left out of that column. NaN where nobody has one.
    """
    known = np.isfinite(values)
    if not known.any():
        return np.full((values.shape[1], 2), np.nan)
    filled, there = np.where(known, values, 0.0), known.astype(np.float64)
    with np.errstate(invalid="ignore"):  # a draw without anybody who has a value has no mean
        means = [(counts @ filled) / (counts @ there) for counts in redrawn(len(values), seed=seed, draws=draws)]
    ends = np.full((values.shape[1], 2), np.nan)
    some = known.any(axis=0)
    ends[some] = np.nanquantile(np.concatenate(means)[:, some], [(1 - level) / 2, (1 + level) / 2], axis=0).T
    return ends


def bootstrap_interval(values: Doubles, *, seed: int, draws: int = DRAWS, level: float = 0.95) -> tuple[float, float]:
    """`bootstrap_intervals` of one column (n,); NaN, NaN for no users. `trainers.evaluation.comparison` compares in pairs."""
    low, high = bootstrap_intervals(np.asarray(values, dtype=np.float64)[:, None], seed=seed, draws=draws, level=level)[0]
    return float(low), float(high)
