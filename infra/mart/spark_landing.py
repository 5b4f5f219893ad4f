"""The landed files of an inventory as views of a Spark session, which the macros of `dbt/macros/spark_landing.sql` read:
Spark's SQL cannot be told to read a list of files. Names of the views are `landed_SOURCE_KIND_FORMAT`, with a column `path`
as the inventory spells it, and `landed_inventory`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from infra.mart.inventory import KINDS, LandedFile
from segue.errors import SegueError
from segue.names import Source

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

_TYPES = {
    "string": "string",
    "timestamp": "timestamp",
    "int64": "bigint",
    "double": "double",
    "bool": "boolean",
    "date32": "date",
}
_LICENCE = {"territory": "string", "valid_from": "date", "valid_to": "date"}
_INVENTORY = """source string, kind string, arrival_day date, landed_file string, path string, file_size bigint, format string,
    problem string, as_of date"""
_SCHEME = "^[a-z]+:/+"
_LINES = "line string, path string"


def lay_views(session: SparkSession, files: Sequence[LandedFile]) -> None:
    """Make or replace the views; those of kinds that did not land have no rows.

    Raises:
        SegueError: a file whose name Spark passes over.
    """
    inventory = session.createDataFrame([tuple(asdict(file).values()) for file in files], _INVENTORY)
    inventory.createOrReplaceGlobalTempView("landed_inventory")
    for source in Source:
        for kind in KINDS:
            for form in ("jsonl", "tsv"):
                _lines(session, _of(files, source, kind, form)).createOrReplaceGlobalTempView(_name(source, kind, form))
    for kind, columns in KINDS.items():
        rows = _rows(session, _of(files, Source.EVENTS, kind, "parquet"), columns)
        rows.createOrReplaceGlobalTempView(_name(Source.EVENTS, kind, "parquet"))


def _name(source: Source, kind: str, form: str) -> str:
    return f"landed_{source}_{kind}_{form}".replace("-", "_")


def _of(files: Sequence[LandedFile], source: Source, kind: str, form: str) -> list[LandedFile]:
    found = (file for file in files if file.problem is None and file.source == source and file.kind == kind)
    return [file for file in found if file.format.partition(":")[0] == form]


def _lines(session: SparkSession, files: Sequence[LandedFile]) -> DataFrame:
    from pyspark.sql import functions as f

    parts = [session.createDataFrame([], _LINES)]
    for latin in (False, True):
        paths = [file.path for file in files if file.format.endswith(":latin-1") is latin]
        if paths:
            raw = session.read.text([_escaped(path) for path in paths])
            line = f.decode(f.col("value").cast("binary"), "ISO-8859-1") if latin else f.col("value")
            parts.append(_with_path(session, raw, paths, [line.alias("line")]))
    return _union(parts)


def _rows(session: SparkSession, files: Sequence[LandedFile], columns: dict[str, str]) -> DataFrame:
    """All rows with all `columns`, as null where a file has them not. Files are read together that have the same types."""
    import pyarrow.parquet as pq

    alike: dict[str, list[str]] = defaultdict(list)
    for file in files:
        schema = pq.read_schema(file.path).remove_metadata()
        alike[str([schema.field(name) for name in schema.names if name in columns])].append(file.path)
    parts = [
        session.createDataFrame([], ", ".join(f"{name} {_type(kind)}" for name, kind in columns.items()) + ", path string")
    ]
    for paths in alike.values():
        raw = session.read.parquet(*(_escaped(path) for path in paths))
        parts.append(_with_path(session, raw, paths, [_typed(raw, name, _type(kind)) for name, kind in columns.items()]))
    return _union(parts)


def _type(arrow: str) -> str:
    licences = f"array<struct<{','.join(f'{name}:{kind}' for name, kind in _LICENCE.items())}>>"
    return _TYPES.get(re.split(r"[\[<]", arrow)[0], licences)


def _typed(raw: DataFrame, name: str, kind: str) -> Column:
    from pyspark.sql import functions as f

    if name not in raw.columns:
        return f.lit(None).cast(kind).alias(name)
    column, found = f.col(f"`{name}`"), raw.schema[name].dataType.simpleString()
    if kind == "timestamp" and found == "bigint":  # nanoseconds, which Spark has no type for
        return f.timestamp_micros(f.floor(column / 1000)).alias(name)
    if kind.startswith("array") and found.startswith("array<struct"):  # a cast would go by the order of the fields
        column = f.transform(
            column, lambda one: f.struct(*(one[field].cast(of).alias(field) for field, of in _LICENCE.items()))
        )
    return column.cast(kind).alias(name)


def _with_path(session: SparkSession, raw: DataFrame, paths: Sequence[str], columns: Sequence[Column]) -> DataFrame:
    """`columns` of `raw` with the path of the file a row came from, which Spark spells as an address, in two ways."""
    from pyspark.sql import functions as f

    spelt = {unquote(urlparse(address).path): re.sub(_SCHEME, "/", address) for address in raw.inputFiles()}
    passed_over = sorted(set(paths) - set(spelt))
    if passed_over:
        raise SegueError(
            expected="landed files that Spark reads",
            received=f"{passed_over[0]} ({len(passed_over)} in all)",
            mend=f"give {Path(passed_over[0]).name} a name of letters and digits, or build with SEGUE_MART_ENGINE=duckdb",
        )
    names = session.createDataFrame([(spelt[path], path) for path in paths], "address string, path string")
    rows = raw.select(*columns, f.regexp_replace("_metadata.file_path", _SCHEME, "/").alias("address"))
    placed = rows.join(f.broadcast(names), "address", "left").drop("address")
    return placed.withColumn("path", f.coalesce("path", f.raise_error(f.lit("a row of a file that is not in the inventory"))))


def _escaped(path: str) -> str:
    """The path of one file, where Spark would take it for a pattern."""
    return re.sub(r"([\\\[\]{}*?])", r"\\\1", path)


def _union(parts: Iterable[DataFrame]) -> DataFrame:
    return reduce(lambda one, other: one.unionByName(other), parts)
