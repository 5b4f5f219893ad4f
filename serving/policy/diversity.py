"""A track that sounds like one the list already has counts less.

Carbonell and Goldstein, The use of MMR (SIGIR 1998): the score less the largest cosine to a track already taken, by the
vectors of the release. Each step computes the cosines to the one track just taken and keeps the largest so far: 30 times
c of them, where all of a pool would be c times c.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from segue.compiled import compiled
from serving.policy.rule import Floats, Kept, Pool, Removal
from serving.tracks.catalogue import Catalogue, Mask

CLOSE = 0.6
"""Cosine from which one track is enough like another to say so."""


class Diversity:
    name = "diversity"

    def begin(self, pool: Pool, gain: Floats, _: Mask, /) -> Cosines:
        vectors = pool.vectors if pool.policy.diversity else None
        if vectors is None:
            vectors = np.empty((len(pool.rows), 0, 0), dtype=np.float32)
        return Cosines(vectors, np.float32(pool.policy.diversity), gain)

    def kept_out(self, kept: Kept, /) -> Mask:
        if kept.likeness is None or not kept.policy.diversity:
            return kept.nothing()
        return np.asarray(kept.by_rank & (kept.likeness >= CLOSE))

    def reason(self, _: Removal, /) -> str:
        return "sounds much like a track of the list"

    def moved_in(self, _: Catalogue, __: int, /) -> str:
        return "unlike the rest of this list"


class Cosines(NamedTuple):
    """The `vectors` of the candidates (n, c, d), what the rule weighs, and its part of the account."""

    vectors: Floats
    weight: np.float32
    gain: Floats


@partial(compiled, any_order=True)
def took(state: Cosines, who: int, place: int) -> None:
    """What sounds more like this track than like any before it counts less."""
    vectors, gain = state.vectors[who], state.gain[who]
    for other in range(len(vectors)):
        cosine = np.float32(0)
        for at in range(vectors.shape[1]):
            cosine += vectors[other, at] * vectors[place, at]
        gain[other] = min(gain[other], -state.weight * cosine)
