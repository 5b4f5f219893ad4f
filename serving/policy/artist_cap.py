"""At most so many tracks by one artist as the release's policy says, two by default, and each further one counts less."""

from __future__ import annotations

import numpy as np

from serving.catalogue import Catalogue, Mask
from serving.policy.rule import Floats, Places, Pool, Removal


class ArtistCap:
    name = "artist_cap"

    def begin(self, pool: Pool, /) -> _Artists:
        return _Artists(pool)

    def reason(self, removal: Removal, /) -> str:
        cap = removal.policy.artist_cap
        artist = removal.catalogue.artist_name[removal.row] or "this artist"
        return f"already {cap} {'track' if cap == 1 else 'tracks'} by {artist}"

    def moved_in(self, _: Catalogue, __: int, /) -> str:
        return "an artist the list did not have yet"


class _Artists:
    def __init__(self, pool: Pool) -> None:
        self._artist = pool.of_track(pool.catalogue.artist)
        self._who = np.arange(len(self._artist))
        self._times = np.zeros(self._artist.shape, dtype=np.float32)
        self._cap = pool.policy.artist_cap
        self._decay = np.float32(-pool.policy.artist_decay) if pool.weighs and pool.policy.artist_decay else None

    def closed(self) -> Mask:
        return self._times >= self._cap

    def gain(self) -> Floats | None:
        return None if self._decay is None else self._times * self._decay

    def took(self, place: Places, live: Mask, /) -> None:
        same = self._artist == self._artist[self._who, place][:, None]
        self._times += same & live[:, None]
