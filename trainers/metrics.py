"""What a list is worth: recall and NDCG against held-out listens, coverage, novelty, and how sure a mean is.

Every function takes lists as indices (n, k), best first, `NOTHING` where a list ends early, and truth as a sparse matrix
(n, tracks). A user with truth and an empty list scores zero; users without truth are the caller's to leave out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from trainers.interactions import NOTHING, Indices

Doubles = npt.NDArray[np.float64]
Hits = npt.NDArray[np.bool_]

DRAWS = 1_000
_COUNTS_AT_ONCE = 10_000_000


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


def coverage(lists: Indices, catalogue: int) -> float:
    """Share of the catalogue that at least one list shows."""
    shown = np.unique(lists[lists != NOTHING])
    return len(shown) / max(catalogue, 1)


def novelty(lists: Indices, listeners: Indices, users: int) -> float:
    """Mean self-information -log2 p of the tracks shown, in bits (Zhou et al., 2010); 0 when nothing is shown.

    Args:
        lists: (n, k).
        listeners: how many users had heard each track (tracks,).
        users: how many users there were; p is (listeners + 1) / (users + 1), so that an unheard track is finite.
    """
    bits = -np.log2((listeners + 1) / (users + 1))
    shown = lists[lists != NOTHING]
    return float(bits[shown].mean()) if len(shown) else 0.0


def bootstrap_interval(values: Doubles, *, seed: int, draws: int = DRAWS, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of the mean of `values` (n,) when the users are drawn again with replacement (Efron, 1979).

    For a paired comparison pass the differences. NaN, NaN for no users.
    """
    n = len(values)
    if n == 0:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    step = max(1, _COUNTS_AT_ONCE // n)
    means = [_means(values, rng, min(step, draws - at)) for at in range(0, draws, step)]
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _means(values: Doubles, rng: np.random.Generator, draws: int) -> Doubles:
    drawn = rng.integers(0, len(values), size=(draws, len(values)))
    means: Doubles = values[drawn].mean(axis=1)
    return means
