"""At most so many tracks by one artist as the release's policy says, two by default, and each further one counts less."""

from __future__ import annotations

import numpy as np

from segue.compiled import compiled
from serving.catalogue import Catalogue, Mask, Rows
from serving.policy.rule import Floats, Places, Pool, Removal


class ArtistCap:
    name = "artist_cap"

    def begin(self, pool: Pool, gain: Floats, closed: Mask, /) -> _Artists:
        decay = pool.policy.artist_decay if pool.weighs else 0.0
        return _Artists(pool.of_track(pool.catalogue.artist), pool.policy.artist_cap, decay, gain, closed)

    def reason(self, removal: Removal, /) -> str:
        cap = removal.policy.artist_cap
        artist = removal.catalogue.artist_name[removal.row] or "this artist"
        return f"already {cap} {'track' if cap == 1 else 'tracks'} by {artist}"

    def moved_in(self, _: Catalogue, __: int, /) -> str:
        return "an artist the list did not have yet"


class _Artists:
    def __init__(self, artist: Rows, cap: int, decay: float, gain: Floats, closed: Mask) -> None:
        self._artist, self._cap, self._decay = artist, cap, np.float32(decay)
        self._times = np.zeros(artist.shape, dtype=np.int32)
        self._gain, self._closed = gain, closed

    def took(self, place: Places, live: Mask, /) -> None:
        _count(self._artist, place, live, self._cap, self._decay, self._times, self._gain, self._closed)


@compiled
def _count(
    artist: Rows, place: Places, live: Mask, cap: int, decay: np.float32, times: Rows, gain: Floats, closed: Mask
) -> None:
    for who in np.flatnonzero(live):
        taken = artist[who, place[who]]
        for other in range(artist.shape[1]):
            if artist[who, other] == taken:
                times[who, other] += 1
                gain[who, other] = -decay * np.float32(times[who, other])
                closed[who, other] = times[who, other] >= cap
