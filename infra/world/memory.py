"""What listeners remember: which tracks they have heard, and a library of those they liked, with the playlist each went to."""

from __future__ import annotations

import numpy as np

from infra.world.parameters import ListeningParameters
from infra.world.space import Bytes, Flags, Ints, Longs

_BUCKETS = 8_192
NO_TRACK = -1
NO_PLAYLIST = -1


class Memory:
    """Grows with the population. Heard tracks are kept in hashed buckets: a big catalogue costs no more than a small one, and
    a rare collision only makes a new track feel familiar."""

    def __init__(self, users: int, settings: ListeningParameters) -> None:
        self.heard = np.zeros((users, _BUCKETS), bool)
        self.library = np.full((users, settings.library_size), NO_TRACK, np.int32)
        self.playlist = np.full((users, settings.library_size), NO_PLAYLIST, np.int8)
        self.kept = np.zeros(users, np.int64)

    def knows(self, user: Ints, track: Ints) -> Flags:
        """Whether each user (n,) has heard each track (n, ...)."""
        return self.heard[user.reshape(-1, *[1] * (track.ndim - 1)), track % _BUCKETS]

    def hear(self, user: Ints, track: Ints) -> None:
        self.heard[user, track % _BUCKETS] = True

    def recall(self, rng: np.random.Generator, user: Ints, count: int) -> tuple[Ints, Bytes]:
        """`count` draws from each user's library (n, count): tracks and playlists; `NO_TRACK` where it is empty."""
        filled = np.minimum(self.kept[user], self.library.shape[1])
        slot = (rng.random((len(user), count)) * filled[:, None]).astype(np.int64)
        return self.library[user[:, None], slot], self.playlist[user[:, None], slot]

    def keep(self, user: Ints, track: Ints, playlist: Bytes) -> None:
        """Add tracks to libraries in the order given; the oldest gives way when a library is full."""
        order = np.argsort(user, kind="stable")
        user, track, playlist = user[order], track[order], playlist[order]
        slot = (self.kept[user] + _rank_within(user)) % self.library.shape[1]
        self.library[user, slot] = track
        self.playlist[user, slot] = playlist
        np.add.at(self.kept, user, 1)


def _rank_within(groups: Ints) -> Longs:
    """0, 1, 2 ... within each run of equal values of a sorted array."""
    if not len(groups):
        return np.zeros(0, np.int64)
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    return np.arange(len(groups)) - np.repeat(starts, np.diff(np.r_[starts, len(groups)]))
