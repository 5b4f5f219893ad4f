"""A small world and what its log says, shared by the tests of `infra/world`."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

START = date(2026, 9, 21)
SMALL: dict[str, Any] = {"start": START, "days": 16, "users": 250, "tracks": 1_500, "seed": 5}


def landed(root: Path, kind: str) -> pa.Table:
    """Every landed row of one kind, with its landing `day` as text."""
    partitions = ds.partitioning(pa.schema([("day", pa.string())]), flavor="hive")
    return ds.dataset(root / "landing" / "events" / kind, partitioning=partitions).to_table()


def truth(root: Path, name: str) -> pd.DataFrame:
    return ds.dataset(root / "world" / "truth" / name, partitioning="hive").to_table().to_pandas()


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def clean_plays(root: Path) -> pd.DataFrame:
    """Plays without a defect, joined with the true attributes of track and user, in the order each user made them."""
    events = landed(root, "events").to_pandas()
    defects = truth(root, "defects")
    dirty = set(defects.event_id.dropna())
    plays = events[(events.event_type == "play") & events.event_id.notna() & ~events.event_id.isin(dirty)]
    tracks = truth(root, "tracks.parquet").merge(landed(root, "tracks").to_pandas()[["track_id", "release_date", "explicit"]])
    known = plays.merge(tracks, on="track_id").merge(truth(root, "users.parquet"), on="user_id")
    return known.sort_values(["user_id", "occurred_at"], kind="stable").reset_index(drop=True)
