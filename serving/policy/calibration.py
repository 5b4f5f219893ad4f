"""A discovery list keeps the shares of genres that its listener's own listening has.

Steck, Calibrated recommendations (RecSys 2018): a list is worth (1 - lambda) times the sum of its scores less lambda times
KL(p || q), where p is the listener's mix over genres and q the list's, smoothed with `SMOOTHING` of p (his equations 5 and
6, his alpha of 0.01). The greedy surrogate takes, at each step, the track that makes the list so far worth most. Taking a
track of genre g changes one term of the divergence, so all that is kept is a count per listener and genre.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serving.catalogue import Catalogue, Mask
from serving.policy.rule import Floats, Places, Pool, Removal

SMOOTHING = 0.01


class Calibration:
    name = "genre_share"

    def begin(self, pool: Pool, /) -> _Genres | None:
        known = pool.listeners.genres.shape[1] if len(pool.listeners.genres) else 0
        weighed = pool.weighs and pool.listeners.discovery and pool.policy.calibration > 0
        return _Genres(pool) if weighed and known else None

    def reason(self, removal: Removal, /) -> str:
        genre = removal.catalogue.genre[removal.row]
        return f"more {genre} than its share of your listening" if genre else "of no genre, and your genres have their shares"

    def moved_in(self, catalogue: Catalogue, row: int, /) -> str:
        genre = catalogue.genre[row]
        return f"keeps your share of {genre}" if genre else "keeps the shares of your genres"


class _Genres:
    """Places of genres are those in the listener's own mix; the last but one is any other genre, the last none at all. The
    mix leaves to other genres what its own do not add up to."""

    def __init__(self, pool: Pool) -> None:
        listeners = pool.listeners
        self._share = _mix(listeners.genre_shares)
        others = self._share.shape[1] - 2
        genre = pool.of_track(pool.catalogue.genre_code)
        own = np.where(genre < 0, others + 1, others).astype(np.int32)
        for place in range(listeners.genres.shape[1]):
            wanted = listeners.genres[:, place, None]
            own[(genre == wanted) & (wanted >= 0)] = place
        self._who = np.arange(len(own))
        self._own, self._width = own, self._share.shape[1]
        self._flat = own + (self._who * self._width).astype(np.int32)[:, None]
        self._count, self._taken = np.zeros_like(self._share), np.zeros((len(own), 1), dtype=np.float32)
        self._weight = np.float32(pool.policy.calibration)

    def closed(self) -> Mask | None:
        return None

    def gain(self) -> Floats:
        """-lambda KL with the track less what is the same for all: p log(q with it / q without it) of its genre."""
        keep, share, length = np.float32(1 - SMOOTHING), self._share, self._taken + 1
        floor = np.float32(SMOOTHING) * share * length  # q times the length of the list
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (keep * (self._count + 1) + floor) / (keep * self._count + floor)
            each = np.where(share > 0, self._weight * share * np.log(ratio), np.float32(0))
        return each.ravel().take(self._flat)

    def took(self, place: Places, live: Mask, /) -> None:
        self._count[self._who, self._own[self._who, place]] += live
        self._taken[:, 0] += live


def _mix(shares: Floats) -> npt.NDArray[np.float32]:
    """Shares (n, g + 2) that add up to one, or to nothing where nothing is known."""
    total = shares.sum(axis=1, keepdims=True)
    rest = np.where(total > 0, np.clip(1 - total, 0, 1), 0)
    mix = np.concatenate([shares, rest, np.zeros_like(rest)], axis=1).astype(np.float32)
    return mix / np.maximum(mix.sum(axis=1, keepdims=True), np.float32(1e-9))
