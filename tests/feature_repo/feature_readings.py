"""What tests of the feature store share: the two readings that parity compares, and ways to break one of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from infra.mart.feast_apply import REPO
from segue.dates import end_of
from segue.features import TIMESTAMP, shared_store, views_of
from segue.home import Home
from segue.names import TRACK_VECTORS, Service, Table

DAYS = 45
LEFT = 5
"""Number of the user who stops listening after three days and has nothing but a closing row at the end."""


def offline(service: Service, key: str, ids: Sequence[str], as_of: date) -> dict[str, list[Any]]:
    """Feast's plain historical read at the midnight that ends `as_of`, in the order of `ids`, of what is online too."""
    store = shared_store()
    refs = _served(service, key)
    asked = pd.DataFrame({key: list(ids), TIMESTAMP: pd.Series([end_of(as_of)] * len(ids)).astype("datetime64[us, UTC]")})
    found = store.get_historical_features(entity_df=asked, features=refs).to_df().set_index(key).loc[list(ids)]
    return {name: list(found[name]) for name in (ref.partition(":")[2] for ref in refs)}


def online(service: Service, key: str, ids: Sequence[str]) -> dict[str, list[Any]]:
    store = shared_store()
    refs = _served(service, key)
    answer = store.get_online_features(features=refs, entity_rows={key: list(ids)}).to_dict()
    return {name: values for name, values in answer.items() if name != key}


def _served(service: Service, key: str) -> list[str]:
    """The features of a service that the online store has: vectors of tracks are read by training alone."""
    return [ref for ref in views_of(shared_store(), service)[(key,)] if not ref.startswith(f"{TRACK_VECTORS}:")]


def changed_repo(folder: Path, old: str, new: str) -> Path:
    """A copy of the feature repository in which `old` is `new`."""
    text = (REPO / "definitions.py").read_text()
    assert old in text
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "definitions.py").write_text(text.replace(old, new))
    return folder


def day_file(home: Home, table: Table, day: date) -> Path:
    return home.table(table) / f"day={day.isoformat()}" / "data.parquet"


def change_column(path: Path, column: str, change: Any) -> None:
    """Rewrite one column of a Parquet file: `change` maps its list of values to another, the type stays."""
    table = pq.ParquetFile(path).read()
    at = table.schema.get_field_index(column)
    field = table.schema.field(at)
    pq.write_table(table.set_column(at, field, pa.array(change(table.column(at).to_pylist()), field.type)), path)
