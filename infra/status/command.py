"""`segue status`: what is live, what ran last, and whether the service and Airflow answer.

It changes nothing, imports no room, and works in an empty home. A stored file it cannot read is said so in its row; the
other rows still come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from infra.status.answering import airflow, service
from infra.status.last_runs import as_table, last_runs
from infra.status.row import UNREADABLE, Row, moment
from infra.status.sizes import disk_text, disk_use
from infra.status.stored import STORED
from segue.errors import SegueError
from segue.exit_codes import NOT_HEALTHY
from segue.home import Home, get_home
from segue.stage import Outcome, table

ROWS: dict[str, Callable[[], Row]] = STORED | {"service": service, "Airflow": airflow}


def run(*, check: bool = False) -> Outcome:
    """The state of this home: a table of what there is, one of the last runs, and whether all is well. With `check` the exit
    code says so too."""
    home, rows, runs = get_home(), [_row(what, read) for what, read in ROWS.items()], last_runs()
    disk, wrong = disk_use(home), [f"{row.what} {row.wrong}" for row in (*runs, *rows) if row.wrong]
    summary = {
        "home": str(home.root),
        "empty": not disk,
        "healthy": not wrong,
        "wrong": wrong,
        **{row.what.replace(" ", "_"): _facts(row) for row in rows},
        "last_runs": {row.what: _facts(row) for row in runs},
        "disk_bytes": disk,
    }
    parts = [_start(home, disk), _table(rows), as_table(runs), _health(wrong), disk_text(disk)]
    return Outcome(summary, "\n\n".join(part for part in parts if part), NOT_HEALTHY if check and wrong else 0)


def _row(what: str, read: Callable[[], Row]) -> Row:
    try:
        return read()
    except (SegueError, OSError, ValueError, KeyError, TypeError) as problem:
        return Row(what, UNREADABLE, " ".join(str(problem).split())[:160], wrong=UNREADABLE)


def _facts(row: Row) -> dict[str, Any]:
    return {"value": row.value} | row.facts


def _table(rows: list[Row]) -> str:
    return table(["", "now", "written (UTC)", ""], [[row.what, row.value, moment(row.written), row.about] for row in rows])


def _start(home: Home, disk: dict[str, int]) -> str:
    if disk:
        return f"Segue in {home.root}"
    return f"Nothing yet in {home.root}: run `segue world` (or `segue land`), then `segue features --as-of D`."


def _health(wrong: list[str]) -> str:
    return f"Not healthy: {'; '.join(wrong)}" if wrong else "Healthy: no stage failed, nothing stored is unreadable"
