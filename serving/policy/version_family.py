"""One recording of a song per list: the original, the remaster and the live version are one family."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segue.compiled import compiled
from serving.policy.rule import Floats, Kept, Pool, Removal
from serving.tracks.catalogue import Catalogue, Mask, Rows


class OnePerFamily:
    name = "version_family"

    def begin(self, pool: Pool, _: Floats, closed: Mask, /) -> Families:
        return Families(pool.of_track(pool.catalogue.family), closed)

    def kept_out(self, kept: Kept, /) -> Mask:
        family = kept.catalogue.family
        return np.isin(family[kept.rows], family[kept.listed])

    def reason(self, _: Removal, /) -> str:
        return "another version of it is in the list"

    def moved_in(self, _: Catalogue, __: int, /) -> None:
        return None


class Families(NamedTuple):
    """The `family` of each candidate (n, c), and the rule's part of the account."""

    family: Rows
    closed: Mask


@compiled
def took(state: Families, who: int, place: int) -> None:
    """No other recording of what is taken may come."""
    family, closed = state.family[who], state.closed[who]
    for other in range(len(family)):
        closed[other] |= family[other] == family[place]
