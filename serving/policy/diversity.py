"""A track that sounds like one the list already has counts less.

Carbonell and Goldstein, The use of MMR (SIGIR 1998): the score less the largest cosine to a track already taken, by the
vectors of the release. Each step computes the cosines to the one track just taken and keeps the largest so far: 30 times
c of them, where all of a pool would be c times c and, as one product, wake every thread of the linear algebra.
"""

from __future__ import annotations

import numpy as np

from serving.catalogue import Catalogue, Mask
from serving.policy.rule import Floats, Places, Pool, Removal


class Diversity:
    name = "diversity"

    def begin(self, pool: Pool, /) -> _Cosines | None:
        weighed = pool.vectors is not None and pool.policy.diversity > 0
        return _Cosines(pool.vectors, pool.policy.diversity) if weighed and pool.vectors is not None else None

    def reason(self, _: Removal, /) -> str:
        return "sounds much like a track that ranks higher"

    def moved_in(self, _: Catalogue, __: int, /) -> str:
        return "unlike the rest of this list"


class _Cosines:
    def __init__(self, vectors: Floats, weight: float) -> None:
        self._vectors, self._weight = vectors, np.float32(-weight)
        self._worst = np.zeros(vectors.shape[:2], dtype=np.float32)
        self._who = np.arange(len(vectors))

    def closed(self) -> Mask | None:
        return None

    def gain(self) -> Floats:
        return self._worst

    def took(self, place: Places, live: Mask, /) -> None:
        taken = self._vectors[self._who, place] * self._weight
        loss = np.matmul(self._vectors, taken[:, :, None])[:, :, 0]
        loss[~live] = 0
        np.minimum(self._worst, loss, out=self._worst)
