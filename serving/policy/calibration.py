"""A discovery list keeps the shares of genres that its listener's own listening has.

Steck, Calibrated recommendations (RecSys 2018): a list is worth (1 - lambda) times the sum of its scores less lambda times
KL(p || q), where p is the listener's mix over genres and q the list's, smoothed with `SMOOTHING` of p (his equations 5 and
6, his alpha of 0.01). The greedy surrogate takes, at each step, the track that makes the list so far worth most. Taking a
track of genre g changes one term of the divergence, so all that is kept is a count per listener and genre.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segue.compiled import compiled
from serving.catalogue import Catalogue, Mask, Rows
from serving.policy.rule import Floats, Places, Pool, Removal

SMOOTHING = 0.01


class Calibration:
    name = "genre_share"

    def begin(self, pool: Pool, gain: Floats, _: Mask, /) -> _Genres | None:
        known = pool.listeners.genres.shape[1] if len(pool.listeners.genres) else 0
        weighed = pool.weighs and pool.listeners.discovery and pool.policy.calibration > 0
        return _Genres(pool, gain) if weighed and known else None

    def reason(self, removal: Removal, /) -> str:
        genre = removal.catalogue.genre[removal.row]
        return f"more {genre} than its share of your listening" if genre else "of no genre, and your genres have their shares"

    def moved_in(self, catalogue: Catalogue, row: int, /) -> str:
        genre = catalogue.genre[row]
        return f"keeps your share of {genre}" if genre else "keeps the shares of your genres"


class _Genres:
    """Places of genres are those in the listener's own mix; the last but one is any other genre, the last none at all. The
    mix leaves to other genres what its own do not add up to."""

    def __init__(self, pool: Pool, gain: Floats) -> None:
        self._share = _mix(pool.listeners.genre_shares)
        self._own = np.empty(pool.rows.shape, dtype=np.int32)
        _place_genres(pool.of_track(pool.catalogue.genre_code), pool.listeners.genres, self._own)
        self._count = np.zeros_like(self._share)
        self._weight, self._gain = np.float32(pool.policy.calibration), gain
        every = np.ones(len(self._own), dtype=bool)
        _gains(self._own, self._share, self._count, self._weight, every, self._gain)

    def took(self, place: Places, live: Mask, /) -> None:
        who = np.flatnonzero(live)
        self._count[who, self._own[who, place[who]]] += 1
        _gains(self._own, self._share, self._count, self._weight, live, self._gain)


@compiled
def _place_genres(genre: Rows, mine: Rows, own: Rows) -> None:
    """The place of each candidate's genre (n, c) among the genres of its listener's mix (n, g), where -1 is none."""
    known = mine.shape[1]
    for who in range(len(own)):
        for other in range(own.shape[1]):
            own[who, other] = known + 1 if genre[who, other] < 0 else known
            for place in range(known):
                if genre[who, other] >= 0 and mine[who, place] == genre[who, other]:
                    own[who, other] = place


@compiled
def _gains(own: Rows, share: Floats, count: Floats, weight: np.float32, live: Mask, gain: Floats) -> None:
    """-lambda KL with the track less what is the same for all: p log(q with it / q without it) of its genre, where a list of
    n places has `count` (n, g + 2) of each."""
    keep, smoothing, one = np.float32(1 - SMOOTHING), np.float32(SMOOTHING), np.float32(1)
    each = np.empty(share.shape[1], dtype=np.float32)
    for who in np.flatnonzero(live):
        length = count[who].sum() + one
        for place in range(len(each)):
            floor = smoothing * share[who, place] * length  # q times the length of the list
            each[place] = np.float32(0)
            if share[who, place] > 0:
                ratio = (keep * (count[who, place] + one) + floor) / (keep * count[who, place] + floor)
                each[place] = weight * share[who, place] * np.log(ratio)
        for other in range(own.shape[1]):
            gain[who, other] = each[own[who, other]]


def _mix(shares: Floats) -> npt.NDArray[np.float32]:
    """Shares (n, g + 2) that add up to one, or to nothing where nothing is known."""
    total = shares.sum(axis=1, keepdims=True)
    rest = np.where(total > 0, np.clip(1 - total, 0, 1), 0)
    mix = np.concatenate([shares, rest, np.zeros_like(rest)], axis=1).astype(np.float32)
    return mix / np.maximum(mix.sum(axis=1, keepdims=True), np.float32(1e-9))
