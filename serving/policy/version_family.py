"""One recording of a song per list: the original, the remaster and the live version are one family."""

from __future__ import annotations

import numpy as np

from serving.catalogue import Catalogue, Mask
from serving.policy.rule import Floats, Places, Pool, Removal


class OnePerFamily:
    name = "version_family"

    def begin(self, pool: Pool, /) -> _Families:
        return _Families(pool)

    def reason(self, _: Removal, /) -> str:
        return "another version of it ranks higher"

    def moved_in(self, _: Catalogue, __: int, /) -> None:
        return None


class _Families:
    def __init__(self, pool: Pool) -> None:
        self._family = pool.of_track(pool.catalogue.family)
        self._who = np.arange(len(self._family))
        self._closed = np.zeros(self._family.shape, dtype=bool)

    def closed(self) -> Mask:
        return self._closed

    def gain(self) -> Floats | None:
        return None

    def took(self, place: Places, live: Mask, /) -> None:
        same = self._family == self._family[self._who, place][:, None]
        self._closed |= same & live[:, None]
