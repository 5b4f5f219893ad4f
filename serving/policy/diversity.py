"""A track that sounds like one the list already has counts less.

Carbonell and Goldstein, The use of MMR (SIGIR 1998): the score less the largest cosine to a track already taken, by the
vectors of the release. Each step computes the cosines to the one track just taken and keeps the largest so far: 30 times
c of them, where all of a pool would be c times c.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from segue.compiled import compiled
from serving.catalogue import Catalogue, Mask
from serving.policy.rule import Floats, Places, Pool, Removal


class Diversity:
    name = "diversity"

    def begin(self, pool: Pool, gain: Floats, _: Mask, /) -> _Cosines | None:
        if pool.vectors is None or not pool.policy.diversity:
            return None
        return _Cosines(pool.vectors, pool.policy.diversity, gain)

    def reason(self, _: Removal, /) -> str:
        return "sounds much like a track that ranks higher"

    def moved_in(self, _: Catalogue, __: int, /) -> str:
        return "unlike the rest of this list"


class _Cosines:
    def __init__(self, vectors: Floats, weight: float, gain: Floats) -> None:
        self._vectors, self._weight, self._gain = vectors, np.float32(weight), gain

    def took(self, place: Places, live: Mask, /) -> None:
        _lower(self._vectors, place, live, self._weight, self._gain)


@partial(compiled, any_order=True)
def _lower(vectors: Floats, place: Places, live: Mask, weight: np.float32, gain: Floats) -> None:
    for who in np.flatnonzero(live):
        taken = vectors[who, place[who]]
        for other in range(vectors.shape[1]):
            cosine = np.float32(0)
            for at in range(len(taken)):
                cosine += vectors[who, other, at] * taken[at]
            gain[who, other] = min(gain[who, other], -weight * cosine)
