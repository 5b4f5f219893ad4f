"""`segue features`: what has landed becomes gold tables, and gold becomes features that training and serving read alike.

Four steps: the inventory of landing, one dbt build with its tests, the export of gold to Parquet, and Feast. A step that
fails leaves what the steps before it wrote, and the next run goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

from infra.mart import build as dbt
from infra.mart import inventory, spark
from infra.mart.export import export
from segue.errors import SegueError
from segue.home import Home, get_home
from segue.lock import locked
from segue.settings import get_settings
from segue.stage import Outcome, Progress, table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def run(*, as_of: date, full_refresh: bool = False) -> Outcome:
    """Bring the mart and the feature store to the end of `as_of`.

    The mart is a function of the landing files that arrived by `as_of`: running a day twice changes nothing, and running
    an earlier day again takes the later days out of the gold tables until they are run again.

    Raises:
        SegueError: nothing landed by then, nobody listened on that day, a model or a test failed, another run is at work.
    """
    progress = Progress("features")
    with locked(get_home().warehouse.parent / ".lock", what="`segue features`"):
        summary = make_gold(get_home(), as_of, progress, full_refresh=full_refresh)
        with progress.step("feast"):
            summary["feast"] = _serve(as_of, everything=full_refresh)
    summary["seconds"] = progress.seconds
    return Outcome(summary, _told(summary))


def make_gold(home: Home, as_of: date, progress: Progress, *, full_refresh: bool = False) -> dict[str, Any]:
    """Everything but Feast: inventory, dbt build, export; what was built and what was rejected."""
    listed = home.warehouse.parent / "inventory.parquet"
    with progress.step("inventory"):
        files = inventory.take(home, as_of, known=None if full_refresh else inventory.read(listed))
        inventory.write(files, listed)
    with progress.step("dbt build"):
        on_spark = get_settings().mart_engine == "spark"
        built = spark.build(home, files, listed) if on_spark else dbt.build(home, listed, full_refresh=full_refresh)
    with progress.step("export"), spark.opened(home) if on_spark else _warehouse(home) as connection:
        first, last = _listening_days(connection, as_of)
        exported = export(connection, home, everything=on_spark)
        rejected, doubted = _rejected(connection), _doubted(connection)
    return {
        "as_of": as_of.isoformat(),
        "first_day": first.isoformat(),
        "last_day": last.isoformat(),
        "files": len(files),
        "rows": exported.rows,
        "rejected": rejected,
        "doubted": doubted,
        "written": exported.written,
        "removed": exported.removed,
        "dbt": built,
    }


@contextmanager
def _warehouse(home: Home) -> Iterator[DuckDBPyConnection]:
    import duckdb

    connection = duckdb.connect(str(home.warehouse), read_only=True)
    try:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"set memory_limit = '{get_settings().mart_memory}'")
        connection.execute(f"set threads = {get_settings().mart_threads}")
        yield connection
    finally:
        connection.close()


def _listening_days(connection: DuckDBPyConnection, as_of: date) -> tuple[date, date]:
    """First and last day with a listen; refuses when `as_of` is not the last."""
    first, last = connection.execute("select min(day), max(day) from silver.listens").fetchall()[0]
    if last == as_of:
        return first, last
    raise SegueError(
        expected=f"listens on {as_of}",
        received=f"none after {last}" if last else "not one listen that passes the checks",
        mend=f"run `segue features --as-of {last}`, or land the events of {as_of}" if last else "see why rows were rejected",
    )


def _rejected(connection: DuckDBPyConnection) -> dict[str, int]:
    query = "select reason, count(*) from gold.rejected_listens group by reason order by count(*) desc, reason"
    return dict(connection.execute(query).fetchall())


def _doubted(connection: DuckDBPyConnection) -> dict[str, int]:
    """Accounts that count for less than a listener on some day, by the reason."""
    query = """select reason, count(distinct user_id) as accounts from silver.account_integrity where weight < 1
        group by reason order by accounts desc, reason"""
    return dict(connection.execute(query).fetchall())


def _serve(as_of: date, *, everything: bool) -> dict[str, Any]:
    from infra.mart.feast_apply import apply_and_materialise  # Feast takes seconds to import

    return apply_and_materialise(as_of, everything=everything)


def _told(summary: dict[str, Any]) -> str:
    rows = table(["gold table", "rows"], [[name, count] for name, count in summary["rows"].items()])
    rejected = table(["rejected because", "rows"], [[reason, count] for reason, count in summary["rejected"].items()])
    doubted = table(["doubted because", "accounts"], [[reason, count] for reason, count in summary["doubted"].items()])
    seconds = table(["step", "seconds"], [[step, value] for step, value in summary["seconds"].items()])
    days = f"Listening from {summary['first_day']} to {summary['last_day']}, as of {summary['as_of']}."
    return "\n\n".join([days, rows, rejected, doubted, seconds])
