"""One recording of a song per list: the original, the remaster and the live version are one family."""

from __future__ import annotations

import numpy as np

from segue.compiled import compiled
from serving.catalogue import Catalogue, Mask, Rows
from serving.policy.rule import Floats, Places, Pool, Removal


class OnePerFamily:
    name = "version_family"

    def begin(self, pool: Pool, _: Floats, closed: Mask, /) -> _Families:
        return _Families(pool.of_track(pool.catalogue.family), closed)

    def reason(self, _: Removal, /) -> str:
        return "another version of it ranks higher"

    def moved_in(self, _: Catalogue, __: int, /) -> None:
        return None


class _Families:
    def __init__(self, family: Rows, closed: Mask) -> None:
        self._family, self._closed = family, closed

    def took(self, place: Places, live: Mask, /) -> None:
        _close(self._family, place, live, self._closed)


@compiled
def _close(family: Rows, place: Places, live: Mask, closed: Mask) -> None:
    for who in np.flatnonzero(live):
        taken = family[who, place[who]]
        for other in range(family.shape[1]):
            closed[who, other] |= family[who, other] == taken
