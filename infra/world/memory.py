"""What listeners remember: which tracks they have heard, and a library of those they liked, with the playlist each went to."""

from __future__ import annotations

import numpy as np

from infra.world.parameters import ListeningParameters
from infra.world.space import Bytes, Flags, Ints, Longs

_BITS = 8_192
"""Bits per user for the tracks heard, hashed: a big catalogue costs no more memory than a small one, and a rare collision
only makes a new track feel familiar."""

NO_TRACK = -1
NO_PLAYLIST = -1


class Memory:
    """The memory of all users; it changes only at the end of a day."""

    def __init__(self, users: int, settings: ListeningParameters) -> None:
        self._heard = np.zeros((users, _BITS // 8), np.uint8)
        self._library = np.full((users, settings.library_size), NO_TRACK, np.int32)
        self._playlist = np.full((users, settings.library_size), NO_PLAYLIST, np.int8)
        self._kept = np.zeros(users, np.int64)

    def knows(self, user: Ints, track: Ints) -> Flags:
        """Whether each user (n,) has heard each track (n, ...)."""
        rows = user.reshape(-1, *[1] * (track.ndim - 1))
        return (self._heard[rows, (track >> 3) % (_BITS // 8)] >> (track & 7).astype(np.uint8)) & 1 == 1

    def hear(self, user: Ints, track: Ints) -> None:
        """Users (n,) have heard tracks (n,)."""
        np.bitwise_or.at(self._heard, (user, (track >> 3) % (_BITS // 8)), np.uint8(1) << (track & 7).astype(np.uint8))

    def recall(self, rng: np.random.Generator, user: Ints, count: int) -> tuple[Ints, Bytes]:
        """`count` draws from each user's library (n, count): tracks and playlists; `NO_TRACK` where it is empty."""
        filled = np.minimum(self._kept[user], self._library.shape[1])
        slot = (rng.random((len(user), count)) * filled[:, None]).astype(np.int64)
        return self._library[user[:, None], slot], self._playlist[user[:, None], slot]

    def keep(self, user: Ints, track: Ints, playlist: Bytes) -> None:
        """Add tracks to libraries in the order given; the oldest gives way when a library is full."""
        order = np.argsort(user, kind="stable")
        user, track, playlist = user[order], track[order], playlist[order]
        slot = (self._kept[user] + _rank_within(user)) % self._library.shape[1]
        self._library[user, slot] = track
        self._playlist[user, slot] = playlist
        np.add.at(self._kept, user, 1)


def _rank_within(groups: Ints) -> Longs:
    """0, 1, 2 ... within each run of equal values of a sorted array."""
    if not len(groups):
        return np.zeros(0, np.int64)
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    return np.arange(len(groups)) - np.repeat(starts, np.diff(np.r_[starts, len(groups)]))
