"""Weeks of lists that a test publishes: everybody hears other tracks every week and every make of it."""

from __future__ import annotations

import zlib
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from segue.playlists import week_key
from segue.stage import Progress
from serving.tracks.catalogue import Catalogue
from serving.weekly import publish

USERS = [f"listener-{number}" for number in range(36)]
"""Without account or history: nothing is kept from them that everybody may have."""
TRACKS = 10


def week_of(number: int) -> date:
    return date(2026, 11, 16) + timedelta(days=7 * number)


def tracks_of(catalogue: Catalogue, user: str, week: date, make: str = "") -> list[str]:
    """What a user hears in a week: other tracks every week and `make`, all of which everybody may be given."""
    free = catalogue.ids[catalogue.everywhere & ~catalogue.explicit]
    rng = np.random.default_rng(zlib.crc32(f"{user} {week}{make}".encode()))
    return [str(track) for track in rng.choice(free, TRACKS, replace=False)]


def staged(folder: Path, catalogue: Catalogue, week: date, make: str = "") -> Path:
    rows = [
        {
            "user_id": user,
            "territory": None,
            "track_ids": tracks_of(catalogue, user, week, make),
            "scores": [0.5] * TRACKS,
            "sources": ["retriever"] * TRACKS,
            "reasons": [f"of {week}"] * TRACKS,
            "propensities": [1.0] * TRACKS,
            "dial": None,
            "explored": None,
            "features": None,
        }
        for user in USERS
    ]
    path = folder / f"{week}.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def made(folder: Path, catalogue: Catalogue, number: int, release: str = "r1", make: str = "") -> publish.Made:
    week = week_of(number)
    return publish.Made(staged(folder, catalogue, week, make), week, release, len(USERS), digest=f"d{make}")


def key_of(number: int, release: str = "r1", make: str = "") -> str:
    return week_key(week_of(number), release, f"d{make}")


def put(folder: Path, catalogue: Catalogue, number: int, release: str = "r1", make: str = "") -> publish.Published:
    return publish.publish(made(folder, catalogue, number, release, make), catalogue, Progress("test"))
