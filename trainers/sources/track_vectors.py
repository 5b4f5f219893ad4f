"""Snapshots of what is known of a track whether it was played or not, by day, as Parquet under `features/`: three vectors of
one space, and how much its artist is played.

| column | holds | missing for |
|---|---|---|
| `track2vec` | `trainers.sources.track2vec` over the listening up to that day | a track that was hardly played |
| `artist_vector` | the mean `track2vec` of the artist's other tracks | an artist without any |
| `audio_vector` | what `trainers.sources.audio` hears in the clip: a guess of `track2vec` | a track without a clip |
| `artist_plays` | plays in the window per other track of the artist that was out | an artist without any |

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
from trainers.inputs import SOURCED
from trainers.sources.track2vec import Floats, Vectors

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Snapshot:
    """What was learned by the end of `day`: `played` by track id, of which tracks the clip was heard as what, and how many
    `plays` there were in the window, by track id."""

    day: date
    played: Vectors
    heard: Vectors
    plays: Mapping[str, int]


def days() -> list[date]:
    """The days that have a snapshot, oldest first. One that lacks a column, from before there was such a thing, is none."""
    import pyarrow.parquet as pq

    whole = (path for path in _folder().glob("day=*/data.parquet") if set(SOURCED) <= set(pq.read_schema(path).names))
    return sorted(date.fromisoformat(path.parent.name.removeprefix("day=")) for path in whole)


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
    """Write a row for each of `tracks` (`track_id`, `artist_id`, `first_seen_at`; the whole catalogue) but those `known`, as
    file `name` of the snapshot's day, all or nothing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tracks = tracks.sort_values("track_id", ignore_index=True)
    ids = [track for track in tracks["track_id"] if track not in known]
    artists = artist_vectors(tracks, snapshot.played)
    kind = pa.list_(pa.float32())
    stamp = pa.array([end_of(snapshot.day)] * len(ids), pa.timestamp("us", tz="UTC"))
    columns = [pa.array([some.get(track) for track in ids], kind) for some in (artists, snapshot.played, snapshot.heard)]
    reach = artist_plays(tracks, snapshot.plays, snapshot.day)
    columns.append(pa.array([reach.get(track) for track in ids], pa.float32()))
    rows = pa.Table.from_arrays([pa.array(ids, pa.string()), stamp, *columns], ["track_id", TIMESTAMP, *SOURCED])
    if not known:  # a snapshot made anew; what was added to one of the same day is of no use beside it
        for added in _file(snapshot.day).parent.glob("with-*.parquet"):
            added.unlink()
    for left_behind in _file(snapshot.day).parent.glob(".*.parquet.*"):  # by a run that was killed
        left_behind.unlink()
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


def artist_plays(tracks: pd.DataFrame, plays: Mapping[str, int], day: date) -> dict[str, float]:
    """Track id to the mean of `plays` over the other tracks of its artist that were out by the end of `day`, for those that
    have any; a time missing from `first_seen_at` counts as always."""
    own = tracks["track_id"].map(plays).fillna(0.0)
    out = (~(tracks["first_seen_at"] >= end_of(day))).astype(float)
    sums, counts = (values.groupby(tracks["artist_id"]).transform("sum") for values in (own * out, out))
    others = counts - out
    means = (sums - own * out) / others.where(others > 0)
    return dict(zip(tracks["track_id"][means.notna()], means[means.notna()], strict=True))


def _folder() -> Path:
    return get_home().features / TRACK_VECTORS


def _file(day: date, name: str = "data") -> Path:
    return _folder() / f"day={day.isoformat()}" / f"{name}.parquet"
