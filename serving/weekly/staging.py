"""How the playlists of a week lie in files before anyone sees them: one row per user, as the funnel made it; and the end of
what a run that was killed left of them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from segue.home import get_home
from serving.weekly.batch import Row

if TYPE_CHECKING:
    import pyarrow as pa

_PREFIX = "playlists-"


def staged_path(week: date, release: str) -> Path:
    """The whole week."""
    return get_home().tmp / f"{_PREFIX}{week}-{release}.parquet"


def pieces_folder(week: date, release: str) -> Path:
    """Where the tasks of a cluster put their pieces of the week."""
    return get_home().tmp / f"{_PREFIX}{week}-{release}-pieces"


def sweep() -> None:
    """Remove what killed runs left, of whatever week and release: it holds user ids or pseudonyms, and no later run would name
    it. Only for who holds the lock of `segue playlists`: what a run at work writes looks the same."""
    home = get_home()
    left = [path for pattern in (f"{_PREFIX}*", f".{_PREFIX}*") for path in home.tmp.glob(pattern)]
    left += home.predictions.glob("day=*/.weekly-*")
    left += (home.playlists / "stored").glob("*/*/.users-*")
    left += (home.playlists / "audits").glob(".*")
    for path in left:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def staged_schema() -> pa.Schema:
    import pyarrow as pa

    words = pa.list_(pa.string())
    return pa.schema(
        {
            "user_id": pa.string(),
            "territory": pa.string(),
            "track_ids": words,
            "scores": pa.list_(pa.float32()),
            "sources": words,
            "reasons": words,
            "propensities": pa.list_(pa.float64()),
            "dial": pa.float64(),
            "explored": pa.string(),
            "features": pa.string(),
        }
    )


def record_batch(rows: Sequence[Row], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_pylist(list(rows), schema=schema)
