"""Snapshots of what is known of tracks beside numbers: three vectors of one space, by day, as Parquet under `features/`.

| column | holds | missing for |
|---|---|---|
| `track2vec` | `trainers.track2vec` over the listening up to that day | a track that was hardly played |
| `artist_vector` | the mean `track2vec` of the artist's other tracks | an artist without any |
| `audio_vector` | what `trainers.audio` hears in the clip: a guess of `track2vec` | a track without a clip |

A snapshot of day D carries the timestamp D+1 00:00, so a point-in-time join never sees a later one. It has a row for every
track of the catalogue, those released after D too: an artist and a clip are facts of a track, and what is made of them here
knows no listening after D. So a track has its vectors from its first moment, as if the snapshot had been waiting for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segue.atomic import replacing_file
from segue.dates import end_of
from segue.features import TIMESTAMP
from segue.home import get_home
from segue.names import TRACK_VECTORS
from trainers.inputs import VECTORS
from trainers.track2vec import Floats, Vectors

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Snapshot:
    """What was learned by the end of `day`: `played` by track id, and of which tracks the clip was heard as what."""

    day: date
    played: Vectors
    heard: Vectors


def days() -> list[date]:
    """The days that have a snapshot, oldest first."""
    return sorted(date.fromisoformat(path.parent.name.removeprefix("day=")) for path in _folder().glob("day=*/data.parquet"))


def read(day: date, column: str) -> Vectors:
    """One of the vectors of a snapshot by track id, without the tracks that lack it."""
    import pandas as pd

    files = sorted(_file(day).parent.glob("*.parquet"))
    frame = pd.concat([pd.read_parquet(file, columns=["track_id", column]) for file in files])
    frame = frame[frame[column].notna()]
    return {track: np.asarray(v, np.float32) for track, v in zip(frame["track_id"], frame[column], strict=True)}


def read_ids(day: date) -> set[str]:
    """The tracks a snapshot has rows for."""
    import pandas as pd

    files = sorted(_file(day).parent.glob("*.parquet"))
    return {track for file in files for track in pd.read_parquet(file, columns=["track_id"])["track_id"]}


def write(snapshot: Snapshot, tracks: pd.DataFrame, *, name: str = "data", known: Collection[str] = ()) -> None:
    """Write a row for each of `tracks` (`track_id`, `artist_id`; the whole catalogue) but those `known`, as file `name` of
    the snapshot's day, all or nothing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tracks = tracks.sort_values("track_id", ignore_index=True)
    ids = [track for track in tracks["track_id"] if track not in known]
    artists = artist_vectors(tracks, snapshot.played)
    kind = pa.list_(pa.float32())
    stamp = pa.array([end_of(snapshot.day)] * len(ids), pa.timestamp("us", tz="UTC"))
    columns = [pa.array([some.get(track) for track in ids], kind) for some in (artists, snapshot.played, snapshot.heard)]
    rows = pa.Table.from_arrays([pa.array(ids, pa.string()), stamp, *columns], ["track_id", TIMESTAMP, *VECTORS])
    with replacing_file(_file(snapshot.day, name)) as temporary:
        pq.write_table(rows, temporary, compression="zstd")


def artist_vectors(tracks: pd.DataFrame, played: Mapping[str, Floats]) -> Vectors:
    """Track id to the mean vector of the other tracks of its artist, for those that have any."""
    sums: dict[str, Floats] = {}
    counts: dict[str, int] = {}
    known = tracks[tracks["artist_id"].notna()]
    pairs = list(zip(known["track_id"], known["artist_id"], strict=True))
    for track, artist in pairs:
        if track in played:
            sums[artist] = sums[artist] + played[track] if artist in sums else played[track].copy()
            counts[artist] = counts.get(artist, 0) + 1
    found = {}
    for track, artist in pairs:
        others = counts.get(artist, 0) - (track in played)
        if others:
            total = sums[artist] - played[track] if track in played else sums[artist]
            found[track] = (total / others).astype(np.float32)
    return found


def _folder() -> Path:
    return get_home().features / TRACK_VECTORS


def _file(day: date, name: str = "data") -> Path:
    return _folder() / f"day={day.isoformat()}" / f"{name}.parquet"
