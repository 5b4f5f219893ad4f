"""The mart on Spark (`SEGUE_MART_ENGINE=spark`): dbt's target `spark` runs in a session of this process, and what it makes is
read like DuckDB's warehouse.

Every build begins with an empty warehouse, as Parquet under `SEGUE_HOME/warehouse/spark`. Its catalogue is in the memory of
the session, so nothing is written to the current directory and nobody else's tables are in reach.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.mart import build as dbt
from infra.mart.inventory import LandedFile
from infra.mart.spark_landing import lay_views
from segue.errors import SegueError
from segue.home import Home
from segue.settings import Settings, get_settings
from segue.spark import spark_session

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from pyspark.sql import SparkSession

_SETTING = "SEGUE_MART_ENGINE=spark"
_SCHEMAS = ("bronze", "silver", "gold")
_MEANING = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",  # as dbt-spark has it for every statement of its own
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    "spark.sql.variant.allowDuplicateKeys": "false",
}
"""What the SQL of `dbt/` and the readers of its tables take for granted."""
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def build(home: Home, files: Sequence[LandedFile], inventory: Path) -> dict[str, Any]:
    """Build and test every model from `files`, which `inventory` holds; what `infra.mart.build.build` returns.

    Raises:
        SegueError: a model or a test failed, Java, pyspark or dbt-spark is missing, or the session has tables of others.
    """
    with spark_session(_SETTING, _resources(home, get_settings())) as session, _meaning(session):
        _require_adapter()
        _empty_warehouse(session, home)
        lay_views(session, files)
        return dbt.run(home, inventory, target="spark", full_refresh=True) | {"full_refresh": True}


@contextmanager
def opened(home: Home) -> Iterator[DuckDBPyConnection]:
    """The tables of the last build, under the names they have in DuckDB's warehouse."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"set memory_limit = '{get_settings().mart_memory}'")
        for schema in ("silver", "gold"):
            connection.execute(f"create schema {schema}")
            for table in sorted(_place(home, schema).iterdir()):
                files = _quoted(table / "*.parquet")
                connection.execute(f"create view {schema}.{table.name} as from read_parquet('{files}')")
        yield connection


def _resources(home: Home, settings: Settings) -> dict[str, str]:
    """Settings of a session of our own."""
    number, unit = re.findall(r"^([\d.]+)\s?([KMGT])", settings.mart_memory)[0]
    conf = {
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": str(home.spark_warehouse),
        "spark.driver.memory": f"{max(512, round(float(number) * _UNITS[unit] / _UNITS['M']))}m",
    }
    if settings.spark_master.startswith("local"):
        conf["spark.sql.shuffle.partitions"] = str(settings.mart_threads)
    return conf


@contextmanager
def _meaning(session: SparkSession) -> Iterator[None]:
    before = {name: session.conf.get(name, None) for name in _MEANING}
    for name, value in _MEANING.items():
        session.conf.set(name, value)
    try:
        yield
    finally:
        for name, old in before.items():
            if old is None:
                session.conf.unset(name)
            else:
                session.conf.set(name, old)


def _require_adapter() -> None:
    try:
        import dbt.adapters.spark  # noqa: F401
    except ImportError as missing:
        raise SegueError(expected=f"dbt-spark for {_SETTING}", received="none", mend="run `make spark`") from missing


def _empty_warehouse(session: SparkSession, home: Home) -> None:
    kind = session.conf.get("spark.sql.catalogImplementation")
    if kind != "in-memory":
        raise SegueError(
            expected="a Spark session with a catalogue of its own, because a build drops bronze, silver and gold",
            received=f"one whose catalogue is {kind}",
            mend="unset spark.sql.catalogImplementation in Spark's configuration",
        )
    for schema in _SCHEMAS:
        session.sql(f"drop schema if exists {schema} cascade")
    shutil.rmtree(home.spark_warehouse, ignore_errors=True)
    for schema in _SCHEMAS:
        place = _place(home, schema)
        place.mkdir(parents=True)
        session.sql(f"create schema {schema} location :place", args={"place": str(place)})


def _place(home: Home, schema: str) -> Path:
    return home.spark_warehouse / schema


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
