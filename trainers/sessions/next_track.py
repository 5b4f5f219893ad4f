"""The question every model of sessions is asked, a running session, which track comes next, and how its answers are counted.

Tracks already in the session are answers like others: 7 in 100 next plays of #nowplaying repeat one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import scipy.sparse as sp

from trainers.interactions import Floats, Indices
from trainers.sessions.session_lists import Sessions

PREFIXES_AT_ONCE = 30_000_000
"""Most scores, prefixes times tracks, that are held at once."""
NO_PLACE = np.iinfo(np.int64).max
"""Stands for the place of an answer that has none, far beyond any k."""


class NextTrack(Protocol):
    """The one interface of a model of sessions."""

    @property
    def config(self) -> Any:
        """Its settings, a frozen dataclass."""
        ...

    def fit(self, sessions: Sessions, n_tracks: int) -> Self:
        """Learn from sessions of tracks below `n_tracks`, oldest first; the same sessions give the same model."""
        ...

    def scores(self, prefixes: Sessions) -> Floats:
        """(n, n_tracks) float32, not below zero and adding up to 1, or to 0 where nothing is known; a fresh array."""
        ...


@dataclass(frozen=True)
class Accuracy:
    """Shares of prefixes: whose next track is among the first k, and the mean of 1 / its place there."""

    hit_rate: float
    mrr: float

    @property
    def both(self) -> float:
        """The one number choices are made by: the geometric mean, so that neither is bought with the other."""
        return float(np.sqrt(self.hit_rate * self.mrr))


def pieces(prefixes: Sessions, n_tracks: int) -> Iterator[tuple[slice, Sessions]]:
    """The prefixes some at a time, so that their dense scores stay under `PREFIXES_AT_ONCE`."""
    step = max(1, PREFIXES_AT_ONCE // max(n_tracks, 1))
    for at in range(0, len(prefixes), step):
        yield slice(at, at + step), prefixes.some(at, at + step)


def accuracy(scores: Callable[[Sessions], Floats], prefixes: Sessions, answers: Indices, n_tracks: int, k: int) -> Accuracy:
    """HitRate@k and MRR@k of `scores` on prefixes whose next tracks (n,) are known."""
    ranks = [ranks_of(scores(some), answers[where]) for where, some in pieces(prefixes, n_tracks)]
    return counted(np.concatenate(ranks), k)


def ranks_of(scores: Floats, answers: Indices) -> Indices:
    """The place (n,) from 1 of each answer among the scores (n, tracks); equal scores stand by their number, and an answer
    with no score, or a number the model does not know, has no place: far beyond any k."""
    known = (answers >= 0) & (answers < scores.shape[1])
    own = scores[np.arange(len(scores)), np.where(known, answers, 0)][:, None]
    equal = scores == own
    before = (equal & (np.arange(scores.shape[1])[None] < answers[:, None])).sum(axis=1) if equal.sum() > len(own) else 0
    places = 1 + (scores > own).sum(axis=1) + before
    return np.where(known & (own[:, 0] > 0), places, NO_PLACE)


def counted(ranks: Indices, k: int) -> Accuracy:
    """HitRate@k and MRR@k of places (n,)."""
    hit = ranks <= k
    return Accuracy(float(hit.mean()), float((hit / ranks).mean()))


def normalised(scores: sp.spmatrix) -> Floats:
    """Dense float32 rows that add up to 1, or stay 0."""
    total = np.asarray(scores.sum(axis=1)).ravel()
    dense: Floats = (sp.diags(1.0 / np.where(total > 0, total, 1.0)) @ scores).toarray().astype(np.float32, copy=False)
    return dense
