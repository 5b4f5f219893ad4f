"""What a log never tells, kept under `SEGUE_HOME/world/` for evaluation; no stage of the platform reads it.

| file | one row per |
|---|---|
| `world.json` | (one document) the options and parameters of the world |
| `truth/tracks.parquet` | track: latent `vector`, log `popularity`, `home` territory, attributes the catalogue may lack |
| `truth/users.parquet` | user: `bot`, `bot_kind` or null, `familiarity` (share taken from the library), `sessions_per_day` |
| `truth/tastes/week=N/` | user and taste in week N: `vector`, `weight` (the weights of a user sum to 1) |
| `truth/defects/day=D/` | landed row with a defect, by landing day: `event_id`, `received_at`, `defect` |

The affinity of a user and a track is the soft maximum over tastes of `log(weight / largest weight) / s + cosine`, where s is
`listening.taste_sharpness` (`likeness` in `day.py`). The plays of a day follow it: see `listening.py` and `judgement.py`.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from infra.world.bots import KINDS, kinds_of
from infra.world.dirt import DEFECTS
from infra.world.listeners import Tastes
from infra.world.parameters import GENRES, TERRITORIES
from infra.world.rows import Rows
from infra.world.simulation import DAYS_PER_WEEK, World
from infra.world.space import Floats
from infra.world.writing import Writer, artist_ids, track_ids, user_ids, write_parquet


class TruthKeeper:
    """Writes the truth of one world under `folder`."""

    def __init__(self, folder: Path, world: World, writer: Writer) -> None:
        self._folder, self._world, self._writer = folder / "truth", world, writer

    def entities(self) -> None:
        """Tracks and users of the whole world."""
        write_parquet(self._folder / "tracks.parquet", self._tracks())
        write_parquet(self._folder / "users.parquet", self._users())

    def tastes(self, day: int, tastes: Tastes) -> None:
        """The tastes of the week that `day` belongs to, of the users known by then; the last day of a week has them all."""
        known, count = int(self._world.listeners.known[day]), tastes.weights.shape[1]
        columns = {
            "user_id": pa.array(user_ids(np.repeat(np.arange(known), count))),
            "taste": pa.array(np.tile(np.arange(count, dtype=np.int8), known)),
            "weight": pa.array(tastes.weights[:known].ravel()),
            "vector": _vectors(tastes.vectors[:known].reshape(known * count, -1)),
        }
        write_parquet(self._folder / "tastes" / f"week={day // DAYS_PER_WEEK}" / "data.parquet", pa.table(columns))

    def defects(self, day: int, landed: Rows) -> dict[str, int]:
        """The rows of `landed` with a defect; returns how many of each kind."""
        rows = landed.take(np.flatnonzero(landed.defect))
        rows = rows.take(np.argsort(rows.received, kind="stable"))
        columns = {
            "event_id": self._writer.event_ids(rows),
            "received_at": self._writer.times(rows.received),
            "defect": pa.array(DEFECTS).take(pa.array(rows.defect)),
        }
        write_parquet(self._folder / "defects" / f"day={self._world.day(day).isoformat()}" / "data.parquet", pa.table(columns))
        counted = np.bincount(rows.defect, minlength=len(DEFECTS))
        return {name: int(counted[code]) for code, name in enumerate(DEFECTS) if code}

    def _tracks(self) -> pa.Table:
        tracks, artists = self._world.catalogue.tracks, self._world.catalogue.artists
        return pa.table(
            {
                "track_id": pa.array(track_ids(np.arange(len(tracks)))),
                "artist_id": pa.array(artist_ids(tracks.artist)),
                "genre": pa.array(np.array(GENRES)[tracks.genre]),
                "tempo": pa.array(tracks.tempo),
                "energy": pa.array(tracks.energy),
                "duration_ms": pa.array(tracks.duration_ms),
                "popularity": pa.array(tracks.popularity),
                "home": pa.array(np.array(TERRITORIES)[artists.home[tracks.artist]]),
                "vector": _vectors(tracks.vector),
            }
        )

    def _users(self) -> pa.Table:
        population = self._world.listeners.population
        kinds = kinds_of(population.bot)
        return pa.table(
            {
                "user_id": pa.array(user_ids(np.arange(len(population)))),
                "bot": pa.array(population.bot),
                "bot_kind": pa.array(KINDS).take(pa.array(kinds, mask=kinds < 0)),
                "familiarity": pa.array(population.familiarity),
                "sessions_per_day": pa.array(population.sessions_per_day),
            }
        )


def described(world: World, *, users: int, tracks: int) -> dict[str, Any]:
    """The document `world.json`: two worlds with the same one have the same days."""
    options = {"start": world.start.isoformat(), "users": users, "tracks": tracks, "seed": world.seed}
    return {**options, "parameters": asdict(world.parameters)}


def _vectors(values: Floats) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
