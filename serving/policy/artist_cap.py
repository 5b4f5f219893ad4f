"""At most so many tracks by one artist as the release's policy says, two by default, and each further one counts less."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segue.compiled import compiled
from serving.policy.rule import Floats, Kept, Pool, Removal
from serving.tracks.catalogue import Catalogue, Mask, Rows


class ArtistCap:
    name = "artist_cap"

    def begin(self, pool: Pool, gain: Floats, closed: Mask, /) -> Artists:
        artist, decay = pool.of_track(pool.catalogue.artist), pool.policy.artist_decay if pool.weighs else 0.0
        return Artists(artist, np.zeros_like(artist), pool.policy.artist_cap, np.float32(decay), gain, closed)

    def kept_out(self, kept: Kept, /) -> Mask:
        artist = kept.catalogue.artist
        times = (artist[kept.rows][:, None] == artist[kept.listed]).sum(axis=1)
        return np.asarray(times >= kept.policy.artist_cap)

    def reason(self, removal: Removal, /) -> str:
        cap = removal.policy.artist_cap
        artist = removal.catalogue.artist_name[removal.row] or "this artist"
        return f"already {cap} {'track' if cap == 1 else 'tracks'} by {artist}"

    def moved_in(self, _: Catalogue, __: int, /) -> str:
        return "an artist the list did not have yet"


class Artists(NamedTuple):
    """The `artist` of each candidate (n, c), how many `times` the list has it (n, c), and the rule's part of the account."""

    artist: Rows
    times: Rows
    cap: int
    decay: np.float32
    gain: Floats
    closed: Mask


@compiled
def took(state: Artists, who: int, place: int) -> None:
    """Each further track of the artist counts less, and at the cap none may come."""
    artist, times, gain, closed = state.artist[who], state.times[who], state.gain[who], state.closed[who]
    for other in range(len(artist)):
        if artist[other] == artist[place]:
            times[other] += 1
            gain[other] = -state.decay * np.float32(times[other])
            closed[other] = times[other] >= state.cap
