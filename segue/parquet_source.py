"""A folder of Parquet files as a source of Feast's, in the form that the offline store of the settings reads.

The registry keeps the form of the settings it was written under. A process under others takes the same folder in its own form:
a task on a Spark executor can open no session, and joins what it needs with DuckDB.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from segue.settings import get_settings

if TYPE_CHECKING:
    from feast.data_source import DataSource


def parquet_source(name: str, folder: Path, timestamp: str, renamed: Mapping[str, str] | None = None) -> DataSource:
    """The source of the files in `folder`, whose name says no format; `renamed` are columns and what Feast calls them."""
    of_all = {"name": name, "path": str(folder), "timestamp_field": timestamp, "field_mapping": dict(renamed or {})}
    if get_settings().offline_store == "spark":
        from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource

        return SparkSource(file_format="parquet", **of_all)
    from feast import FileSource
    from feast.data_format import ParquetFormat

    return FileSource(file_format=ParquetFormat(), **of_all)


def read_here(source: DataSource, part: Path | None = None) -> DataSource:
    """A source of a registry, as this process reads it; or only the files in `part`, a folder of its own."""
    return parquet_source(source.name, part or Path(source.path), source.timestamp_field, source.field_mapping)
