"""The world as files of the landing contract: names put to numbers, one Parquet file per kind and day, all or nothing."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from infra.landing import schemas
from infra.world.catalogue import ALWAYS, LABEL_TYPES, VERSION_KINDS, label_types
from infra.world.dirt import GARBAGE_TYPES, GARBAGE_USERS, UNKNOWN_TRACKS
from infra.world.judgement import SURFACES
from infra.world.parameters import DEVICES, GENRES, TERRITORIES
from infra.world.rows import MISSING, NO_TIME, PLAYLISTS_PER_USER, Rows
from infra.world.simulation import World
from infra.world.titles import artist_names, track_titles
from segue.atomic import replacing_file
from segue.home import Home

FILE_NAME = "world.parquet"
EVENT_TYPES = ("play", "save", "playlist_add", "dislike")
_US_PER_DAY = 86_400_000_000


def user_ids(users: np.ndarray) -> list[str]:
    return [f"u{number:07d}" for number in users.tolist()]


def track_ids(tracks: np.ndarray) -> list[str]:
    return [f"t{number:08d}" for number in tracks.tolist()]


def artist_ids(artists: np.ndarray) -> list[str]:
    return [f"a{number:06d}" for number in artists.tolist()]


class Writer:
    """Writes the files of one world; a file that is there already with the same bytes is left alone."""

    def __init__(self, home: Home, world: World) -> None:
        self._home, self._start, self._world = home, world.start, world
        self._catalogue, self._population = world.catalogue, world.listeners.population
        self._users = pa.array([*user_ids(np.arange(len(self._population))), *GARBAGE_USERS])
        self._tracks = pa.array([*track_ids(np.arange(len(self._catalogue.tracks))), *UNKNOWN_TRACKS])
        self._artists = pa.array(artist_names(world.seed, len(self._catalogue.artists.genre)))
        self._titles = pa.array(track_titles(world.seed, self._catalogue.tracks))
        self._labels = np.array(LABEL_TYPES)[label_types(world.parameters, self._catalogue.artists, world.seed)]

    def events(self, day: int, rows: Rows) -> None:
        """Land `rows` as they arrived on `day`."""
        rows = rows.take(np.argsort(rows.received, kind="stable"))
        columns = [
            self.event_ids(rows),
            _named(pa.array([*EVENT_TYPES, *GARBAGE_TYPES]), rows.kind, len(EVENT_TYPES)),
            _named(self._users, rows.user, len(self._population)),
            _named(self._tracks, rows.track, len(self._catalogue.tracks)),
            self.times(rows.occurred),
            self.times(rows.received),
            pa.array(rows.ms_played, mask=rows.ms_played == MISSING),
            _named(pa.array(DEVICES), rows.device, len(DEVICES)),
            _named(pa.array(TERRITORIES), rows.territory, len(TERRITORIES)),
            _named(pa.array([str(s) for s in SURFACES]), rows.surface, len(SURFACES)),
            _playlist_ids(rows.playlist),
        ]
        self._write("events", day, pa.Table.from_arrays(columns, schema=schemas.EVENTS))

    def catalogue(self, day: int, missing: dict[str, np.ndarray]) -> None:
        """Land the tracks new on `day`, if any; `missing` masks attributes (all tracks,) that nobody filled in."""
        tracks, rows = self._catalogue.tracks, _new_on(day, self._catalogue.released)
        if not len(rows):
            return

        def known(name: str, values: np.ndarray) -> pa.Array:
            return pa.array(values[rows], mask=missing[name][rows])

        columns = [
            self._tracks.take(pa.array(rows)),
            self._titles.take(pa.array(rows)),
            pa.array(artist_ids(tracks.artist[rows])),
            self._artists.take(pa.array(tracks.artist[rows])),
            pa.array([f"b{family:08d}" for family in tracks.family[rows].tolist()]),
            pa.array(np.array(GENRES)[tracks.genre[rows]], mask=missing["genre"][rows]),
            known("tempo", tracks.tempo.astype(np.float64).round(2)),
            known("energy", tracks.energy.astype(np.float64).round(4)),
            known("duration_ms", tracks.duration_ms),
            pa.array(tracks.explicit[rows]),
            self._dates(tracks.release_day[rows]),
            pa.array(track_ids(tracks.family[rows])),
            pa.array(np.array(VERSION_KINDS)[tracks.kind[rows]]),
            pa.array(self._labels[tracks.artist[rows]]),
            pa.array([self._licence(row) for row in rows.tolist()], schemas.TRACKS.field("licences").type),
        ]
        self._write("tracks", day, pa.Table.from_arrays(columns, schema=schemas.TRACKS))

    def accounts(self, day: int) -> None:
        """Land the accounts of the users who joined by `day`, if any are new."""
        rows = _new_on(day, self._world.listeners.known)
        if not len(rows):
            return
        columns = [
            self._users.take(pa.array(rows)),
            pa.array(np.array(TERRITORIES)[self._population.territory[rows]]),
            self._dates(self._population.joined_day[rows]),
            pa.array(self._population.explicit_allowed[rows]),
            pa.array(self._population.adventurousness[rows].astype(np.float64), from_pandas=True),
        ]
        self._write("users", day, pa.Table.from_arrays(columns, schema=schemas.USERS))

    def _licence(self, row: int) -> list[dict[str, Any]] | None:
        tracks = self._catalogue.tracks
        if not tracks.restricted[row]:
            return None
        windows = zip(TERRITORIES, tracks.licence_from[row].tolist(), tracks.licence_to[row].tolist(), strict=True)
        return [
            {
                "territory": territory,
                "valid_from": self._start + timedelta(days=begin),
                "valid_to": None if end >= ALWAYS else self._start + timedelta(days=end),
            }
            for territory, begin, end in windows
            if begin < min(end, ALWAYS)
        ]

    def event_ids(self, rows: Rows) -> pa.Array:
        """`e`, the day simulated, a number within it: the two deliveries of a duplicate share theirs."""
        first, last = int(rows.day.min(initial=0)), int(rows.day.max(initial=0))
        prefixes = pa.array([f"e{self._start + timedelta(days=day):%Y%m%d}-" for day in range(first, last + 1)])
        numbers = pc.utf8_lpad(pa.array(rows.sequence).cast(pa.string()), 8, padding="0")
        made = pc.binary_join_element_wise(prefixes.take(pa.array(rows.day - first)), numbers, "")
        return pc.if_else(pa.array(rows.sequence != MISSING), made, pa.scalar(None, pa.string()))

    def times(self, values: np.ndarray) -> pa.Array:
        """Microseconds from midnight of day 0 (n,) as timestamps; null for `NO_TIME`."""
        missing = values == NO_TIME
        epoch = (self._start - date(1970, 1, 1)).days * _US_PER_DAY
        return pa.array(np.where(missing, 0, values + epoch), pa.timestamp("us", tz="UTC"), mask=missing)

    def _dates(self, days: np.ndarray) -> pa.Array:
        epoch = (self._start - date(1970, 1, 1)).days
        return pa.array((days + epoch).astype(np.int32)).cast(pa.date32())

    def _write(self, kind: str, day: int, table: pa.Table) -> None:
        folder = self._home.landing_day("events", kind, self._start + timedelta(days=day))
        write_parquet(folder / FILE_NAME, table)


def write_parquet(target: Path, table: pa.Table) -> None:
    """Replace `target` with `table`, all or nothing; the same rows give the same bytes, and then the file stays as it is."""
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd")
    written = buffer.getvalue()
    if target.is_file() and pa.py_buffer(target.read_bytes()).equals(written):
        return
    with replacing_file(target) as temporary:
        temporary.write_bytes(written)


def _new_on(day: int, known: np.ndarray) -> np.ndarray:
    """Rows that `day` adds to a table whose first `known[day]` rows exist on it."""
    return np.arange(known[day - 1] if day else 0, known[day])


def _named(names: pa.Array, codes: np.ndarray, real: int) -> pa.Array:
    """Names of codes (n,): real ones from 0, null for `MISSING`, garbage below it."""
    index = np.where(codes >= 0, codes.astype(np.int64), real + (MISSING - 1 - codes.astype(np.int64)))
    return names.take(pa.array(index, mask=codes == MISSING))


def _playlist_ids(codes: np.ndarray) -> pa.Array:
    listed = codes != MISSING
    user = pc.utf8_lpad(pa.array(codes // PLAYLISTS_PER_USER).cast(pa.string()), 7, padding="0")
    number = pa.array(codes % PLAYLISTS_PER_USER).cast(pa.string())
    made = pc.binary_join_element_wise("p", user, "-", number, "")
    return pc.if_else(pa.array(listed), made, pa.scalar(None, pa.string()))
