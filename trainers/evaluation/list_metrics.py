"""What lists are worth beside being right: new, varied, surprising, true to a user's genres, not only the popular, and
between them much of the catalogue.

Lists are indices (n, k), best first, `NOTHING` where a list ends early. Functions of a user give (n,), NaN for a user they
say nothing about: one without a list, without history, or whose tracks have no genre. Where a formula is Evidently's, a test
compares it with theirs; infra/decisions/0003 says why not all of it is asked of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp

from trainers.evaluation.metrics import Doubles, Hits, redrawn
from trainers.interactions import NOTHING, Indices

SMOOTHING = 0.01
"""Share of the user's own mix that Steck puts into the list's, so that a missing genre costs much and not everything."""

SET_DRAWS = 400


def shown(lists: Indices, tracks: int) -> sp.csr_matrix:
    """(n, tracks) with 1 where a list shows a track."""
    rows, places = np.nonzero(lists != NOTHING)
    return sp.csr_matrix((np.ones(len(rows)), (rows, lists[rows, places])), shape=(len(lists), tracks))


def one_hot(values: Iterable[Any]) -> sp.csr_matrix:
    """(tracks, distinct values) with 1 at the value of each track; a track whose value is missing has none."""
    import pandas as pd

    codes, names = pd.factorize(pd.Series(list(values), dtype=object), sort=True)
    known = np.flatnonzero(codes >= 0)
    return sp.csr_matrix((np.ones(len(known)), (known, codes[known])), shape=(len(codes), max(len(names), 1)))


def unit_rows(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Every row with length 1; a row of zeros stays one."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sp.csr_matrix(sp.diags(_inverse(lengths)) @ matrix)


def novelty(lists: Indices, listeners: Indices, users: int) -> Doubles:
    """Mean self-information -log2 p of the tracks a list shows, in bits (Zhou et al., 2010).

    Args:
        lists: (n, k).
        listeners: how many users had heard each track (tracks,).
        users: how many users there were; p is (listeners + 1) / (users + 1), so that an unheard track is finite.
    """
    bits = -np.log2((listeners + 1) / (users + 1))
    return _mean_shown(lists, bits)


def diversity(lists: Indices, features: sp.csr_matrix) -> Doubles:
    """Mean cosine distance of the pairs in a list (intra-list diversity, Ziegler et al., 2005), 0 to 1.

    `features` (tracks, d) have unit rows; with one-hot genres it is the share of pairs of different genres.
    """
    marks = shown(lists, features.shape[0])
    count = np.asarray(marks.sum(axis=1)).ravel()
    total = _squared_lengths(marks @ features)
    own = marks @ _squared_lengths(features)
    pairs = count * (count - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, 1 - (total - own) / pairs, np.nan)


def serendipity(lists: Indices, hit: Hits, history: sp.csr_matrix, features: sp.csr_matrix) -> Doubles:
    """How far the tracks a user was shown and did play lie from what the user played before: mean cosine distance to the
    distinct tracks of `history` (n, tracks), averaged over the hits (n, k), 0 to 1. NaN without a hit or a history.

    As Evidently's documentation has it. Their code subtracts the sum over hits instead of the mean, which is the same for a
    list with one hit and punishes every further one.
    """
    past = _share_of_rows((history > 0).astype(np.float64)) @ features
    rows, places = np.nonzero(hit)
    near = np.asarray(features[lists[rows, places]].multiply(past[rows]).sum(axis=1)).ravel()
    hits, close = hit.sum(axis=1), np.bincount(rows, weights=near, minlength=len(lists))
    told = (hits > 0) & (np.diff(history.indptr) > 0)
    return np.where(told, 1 - close / np.maximum(hits, 1), np.nan)


def calibration_error(lists: Indices, history: sp.csr_matrix, genres: sp.csr_matrix) -> Doubles:
    """Kullback-Leibler divergence, in nats, of a list's mix of genres from the user's: sum p log(p / q), where p is the mix of
    the weighted `history` (n, tracks) and q that of the list with `SMOOTHING` of p in it (Steck, 2018, equations 2 to 5).

    0 for the same mix, log(1 / SMOOTHING), about 4.6, for none in common. Tracks without genre do not count.
    """
    wanted = _share_of_rows(history @ genres)
    got = _share_of_rows(shown(lists, genres.shape[0]) @ genres)
    rows, columns = wanted.nonzero()
    if not len(rows):  # of nothing a sparse matrix gives no array
        return np.full(len(lists), np.nan)
    p, q = (np.asarray(mix[rows, columns]).ravel() for mix in (wanted, got))
    terms = p * np.log(p / ((1 - SMOOTHING) * q + SMOOTHING * p))
    told = (np.diff(wanted.indptr) > 0) & (np.diff(got.indptr) > 0)
    return np.where(told, np.maximum(np.bincount(rows, weights=terms, minlength=len(lists)), 0.0), np.nan)


def popularity(lists: Indices, listeners: Indices) -> Doubles:
    """Mean listeners of the tracks a list shows: average recommendation popularity (Yin et al., 2012). Tracks that nobody has
    heard are left out, as Evidently has it."""
    return _mean_shown(np.where((lists != NOTHING) & (listeners[lists] > 0), lists, NOTHING), listeners)


def popularity_lift(lists: Indices, listeners: Indices, history: sp.csr_matrix) -> Doubles:
    """How many times as many listeners the shown tracks have as the distinct ones of the user's own `history` (n, tracks): 1
    shows no bias (the group average popularity of Abdollahpouri et al., 2019, by user and as a ratio)."""
    habit = _share_of_rows((history > 0).astype(np.float64)) @ listeners.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(habit > 0, _mean_shown(lists, listeners) / habit, np.nan)


def coverage(lists: Indices, catalogue: int) -> float:
    """Share of the catalogue that at least one list shows."""
    return len(np.unique(lists[lists != NOTHING])) / max(catalogue, 1)


def gini(exposure: Doubles) -> Doubles:
    """Gini index of how often each track is shown (..., tracks): 0 when all are shown alike, 1 when one has it all. Tracks
    that are never shown do not count, as Evidently has it; NaN for fewer than two that are."""
    ordered = np.sort(exposure, axis=-1)
    count = (ordered > 0).sum(axis=-1, keepdims=True)
    place = np.arange(1, ordered.shape[-1] + 1) - (ordered.shape[-1] - count)
    unequal = ((2 * place - count - 1) * ordered).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Doubles = np.where(count[..., 0] > 1, unequal / ((count[..., 0] - 1) * ordered.sum(axis=-1)), np.nan)
    return found


def exposure_intervals(lists: Indices, catalogue: int, *, seed: int, draws: int = SET_DRAWS, level: float = 0.95) -> Doubles:
    """Intervals (2, 2) of `coverage` and of `gini` when the users are drawn again and both are counted anew.

    Drawing with replacement repeats users, and repeated lists show fewer tracks than as many different ones. So the draws tell
    how wide an interval is, not where: it is moved until their mean lies on what all users together show.
    """
    marks = shown(lists, catalogue)
    marks = marks[:, np.diff(marks.tocsc().indptr) > 0]
    if marks.shape[1] == 0:
        return np.full((2, 2), np.nan)
    found = []
    for counts in redrawn(len(lists), seed=seed, draws=draws, width=marks.shape[1]):
        exposure = (marks.T @ counts.T).T
        found.append(np.stack([(exposure > 0).sum(axis=1) / max(catalogue, 1), gini(exposure)], axis=1))
    measured, point = np.concatenate(found), np.array([coverage(lists, catalogue), _gini_of(marks)])
    with np.errstate(invalid="ignore"):
        ends = np.quantile(measured, [(1 - level) / 2, (1 + level) / 2], axis=0) - measured.mean(axis=0) + point
    return np.clip(ends, 0.0, 1.0).T


def _gini_of(marks: sp.csr_matrix) -> float:
    return float(gini(np.asarray(marks.sum(axis=0), dtype=np.float64).ravel()))


def _mean_shown(lists: Indices, values: Doubles | Indices) -> Doubles:
    there = lists != NOTHING
    total, count = np.where(there, values[lists], 0.0).sum(axis=1), there.sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _share_of_rows(matrix: sp.csr_matrix) -> sp.csr_matrix:
    kept = sp.csr_matrix(matrix, dtype=np.float64)
    kept.eliminate_zeros()
    return sp.csr_matrix(sp.diags(_inverse(np.asarray(kept.sum(axis=1)).ravel())) @ kept)


def _inverse(values: Doubles) -> Doubles:
    return np.divide(1.0, values, out=np.zeros(len(values)), where=values > 0)


def _squared_lengths(matrix: sp.csr_matrix) -> Doubles:
    return np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel()
