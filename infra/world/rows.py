"""Events as rows of numbers: what a day of plays becomes on its way to the log. Names are put in at the end, in `writing.py`.

A code of `MISSING` is a null; codes below it stand for garbage (`garbage_code`), which only `dirt.py` puts in.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from infra.world.judgement import Plays
from infra.world.memory import NO_PLAYLIST
from infra.world.space import Bytes, Ints, Longs

MISSING = -1
NO_TIME = np.iinfo(np.int64).min
PLAY, SAVE, PLAYLIST_ADD, DISLIKE = 0, 1, 2, 3
MICROSECONDS_PER_DAY = 86_400_000_000
PLAYLISTS_PER_USER = 8


def garbage_code(index: int) -> int:
    """The code of the garbage value `index`."""
    return MISSING - 1 - index


@dataclass(frozen=True)
class Rows:
    """One row per event: `day` and `sequence` make the event id, times are microseconds from midnight of day 0,
    `playlist` is user times `PLAYLISTS_PER_USER` plus the number of the list, `defect` a code of `dirt.py`."""

    day: Ints
    sequence: Longs
    kind: Bytes
    user: Ints
    track: Ints
    occurred: Longs
    received: Longs
    ms_played: Longs
    device: Bytes
    territory: Bytes
    surface: Bytes
    playlist: Longs
    defect: Bytes

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, index: np.ndarray) -> Rows:
        return Rows(*(getattr(self, f.name)[index] for f in fields(self)))


def joined(parts: list[Rows]) -> Rows:
    """Several parts, one after the other."""
    return Rows(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Rows)))


def rows_of_day(plays: Plays, *, day: int, rng: np.random.Generator) -> Rows:
    """The events of the plays of `day`, in order of time: each play when it ends, and what the listener said of it."""
    begin = day * MICROSECONDS_PER_DAY + plays.starts_at
    end = begin + plays.ms_played * 1_000
    during = begin + (plays.ms_played * rng.uniform(200, 900, len(begin))).astype(np.int64)
    added = plays.added_to != NO_PLAYLIST
    parts = [
        _rows(plays, np.ones(len(begin), bool), PLAY, begin, plays.playlist),
        _rows(plays, plays.saved, SAVE, during, plays.playlist),
        _rows(plays, added, PLAYLIST_ADD, during, plays.added_to),
        _rows(plays, plays.disliked, DISLIKE, end, plays.playlist),
    ]
    sent = np.concatenate([end, during[plays.saved], during[added], end[plays.disliked]])
    rows = joined(parts)
    received = np.maximum(sent, rows.occurred) + (rng.exponential(1_500_000, len(rows)) + 50_000).astype(np.int64)
    order = np.argsort(rows.occurred, kind="stable")
    named = {"day": np.full(len(rows), day, np.int32), "sequence": np.arange(len(rows)), "received": received[order]}
    return Rows(**{f.name: named.get(f.name, getattr(rows, f.name)[order]) for f in fields(Rows)})


def _rows(plays: Plays, chosen: np.ndarray, kind: int, occurred: Longs, playlist: Bytes) -> Rows:
    count, user, listed = int(chosen.sum()), plays.user[chosen], playlist[chosen].astype(np.int64)
    return Rows(
        day=np.zeros(count, np.int32),
        sequence=np.zeros(count, np.int64),
        kind=np.full(count, kind, np.int8),
        user=user,
        track=plays.track[chosen],
        occurred=occurred[chosen],
        received=occurred[chosen],
        ms_played=plays.ms_played[chosen] if kind == PLAY else np.full(count, MISSING, np.int64),
        device=plays.device[chosen].astype(np.int8),
        territory=plays.territory[chosen].astype(np.int8),
        surface=plays.surface[chosen].astype(np.int8),
        playlist=np.where(listed == NO_PLAYLIST, MISSING, user.astype(np.int64) * PLAYLISTS_PER_USER + listed),
        defect=np.zeros(count, np.int8),
    )
