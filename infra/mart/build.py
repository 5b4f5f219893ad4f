"""Runs `dbt build` in this process, so that a killed stage takes its build with it, and says in a sentence what failed.

The project is read from `dbt/`; everything dbt writes (target, logs, the warehouse) lives in the home.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from segue.atomic import write_text
from segue.errors import SegueError
from segue.home import Home
from segue.settings import get_settings

PROJECT = Path(__file__).resolve().parents[2] / "dbt"


def build(home: Home, inventory: Path, *, full_refresh: bool) -> dict[str, Any]:
    """Build and test every model from `inventory`; seconds per model and the number of tests that passed.

    Tables made by other SQL than today's are made anew, whatever `full_refresh` says.

    Raises:
        SegueError: a model or a test failed, or another process holds the warehouse.
    """
    home.warehouse.parent.mkdir(parents=True, exist_ok=True)
    (home.tmp / "duckdb").mkdir(parents=True, exist_ok=True)
    made_by, sql = home.warehouse.parent / "made-by.sha256", _fingerprint()
    full_refresh = full_refresh or not made_by.exists() or made_by.read_text() != sql
    try:
        summary = run(home, inventory, target="duckdb", full_refresh=full_refresh)
    finally:
        _let_go()
    write_text(made_by, sql)
    return summary | {"full_refresh": full_refresh}


def run(home: Home, inventory: Path, *, target: str, full_refresh: bool) -> dict[str, Any]:
    """Have dbt build and test every model on one of the targets of `dbt/profiles.yml`.

    Raises:
        SegueError: a model or a test failed.
    """
    from dbt.cli.main import dbtRunner

    arguments = ["build", "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--quiet", "--log-level", "none"]
    arguments += ["--target", target]
    arguments += [
        "--exclude-resource-type",
        "unit_test",
        "--target-path",
        str(_target(home)),
        "--log-path",
        str(_logs(home)),
        "--log-level-file",
        "info",
    ]
    if full_refresh:
        arguments.append("--full-refresh")
    with _environment(home, inventory):
        outcome = dbtRunner().invoke(arguments)
    results: list[Any] = list(cast(Any, outcome.result) or [])
    if outcome.exception is not None and not results:
        raise _broken(home, str(outcome.exception).strip().splitlines()[0])
    failed = [node for node in results if node.status in ("error", "fail", "runtime error")]
    if failed:
        raise _broken(home, _sentence(failed[0]), more=len(failed) - 1)
    return _summary(results)


def _fingerprint() -> str:
    """SHA-256 over every SQL file of the project."""
    digest = hashlib.sha256()
    for path in sorted(PROJECT.rglob("*.sql")):
        digest.update(path.relative_to(PROJECT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _let_go() -> None:
    """Close the warehouse: dbt keeps it open for a next build in the same process, and DuckDB then lets nobody else in."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    if DuckDBConnectionManager._ENV is not None:
        DuckDBConnectionManager._ENV.close()
        DuckDBConnectionManager._ENV = None


def _target(home: Home) -> Path:
    return home.warehouse.parent / "dbt"


def _logs(home: Home) -> Path:
    return home.logs / "dbt"


@contextmanager
def _environment(home: Home, inventory: Path) -> Iterator[None]:
    settings = get_settings()
    ours = {
        "SEGUE_MART_MEMORY": settings.mart_memory,
        "SEGUE_MART_THREADS": str(settings.mart_threads),
        "SEGUE_MART_WAREHOUSE": str(home.warehouse),
        "SEGUE_MART_INVENTORY": str(inventory),
        "SEGUE_MART_SPILL": str(home.tmp / "duckdb"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def _sentence(result: Any) -> str:
    node = result.node
    message = " ".join(str(result.message or "").split())
    if node.resource_type == "test":
        model = getattr(node, "attached_node", None) or ", ".join(node.depends_on.nodes)
        return f"the test {node.name} of {model.rpartition('.')[2]} failing on {result.failures} rows"
    return f"the {node.resource_type} {node.name} failing: {message}"


def _broken(home: Home, received: str, *, more: int = 0) -> SegueError:
    others = f" (and {more} more)" if more else ""
    return SegueError(
        expected="a dbt build without a failure",
        received=received.rstrip(".") + others,
        mend=f"read {_logs(home) / 'dbt.log'}; nothing was exported",
    )


def _summary(results: Any) -> dict[str, Any]:
    models = [r for r in results if r.node.resource_type == "model"]
    seconds = {r.node.name: round(r.execution_time, 2) for r in models}
    return {"models": len(models), "tests": len(results) - len(models), "seconds": seconds}
