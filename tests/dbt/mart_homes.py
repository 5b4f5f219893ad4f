"""Homes whose mart is built without Feast, hand-written landing files, and whole tables to compare."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from infra.mart.command import make_gold
from infra.world.command import run as make_world
from segue.home import Home
from segue.names import Source, Table
from segue.settings import get_settings
from segue.stage import Progress

START = date(2026, 9, 21)
SILVER = ("checked_events", "listens", "known_tracks", "accounts")
Rows = dict[str, list[tuple[Any, ...]]]


def day(number: int) -> date:
    """Day `number` of the worlds below, counted from 0."""
    return date.fromordinal(START.toordinal() + number)


def gold(home: Home, as_of: date, *, full_refresh: bool = False) -> dict[str, Any]:
    return make_gold(home, as_of, Progress("test"), full_refresh=full_refresh)


def simulate(root: Path, monkeypatch: Any, *, days: int, users: int = 40, tracks: int = 150, start: date = START) -> Home:
    """A home with a small dirty world in its landing."""
    monkeypatch.setenv("SEGUE_HOME", str(root))
    get_settings.cache_clear()
    make_world(start=start, days=days, users=users, tracks=tracks, seed=3)
    return Home(root)


def copied(home: Home, root: Path) -> Home:
    shutil.copytree(home.root, root)
    return Home(root)


def land_lines(home: Home, name: str, arrival: date, lines: Iterable[str | dict[str, Any]], *, kind: str = "events",
               source: Source = Source.EVENTS) -> Path:  # fmt: skip
    """Append lines to a landed file; dicts become JSON."""
    target = home.landing_day(str(source), kind, arrival) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("a", encoding="utf-8") as out:
        out.writelines((line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)) + "\n" for line in lines)
    return target


def event(number: int, user: str, track: str, at: str, **more: Any) -> dict[str, Any]:
    return {"event_id": f"e{number}", "event_type": "play", "user_id": user, "track_id": track, "occurred_at": at} | more


def query(home: Home, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return connection.execute(sql).fetchall()


def warehouse(home: Home) -> Rows:
    """Every row of every table a reader can meet, in order."""
    names = [f"gold.{table}" for table in Table] + [f"silver.{table}" for table in SILVER]
    return {name: query(home, f"from {name} order by all") for name in names}


def exported(home: Home) -> Rows:
    """Every row of every exported file, by its path."""
    files = sorted(home.features.rglob("*.parquet"))
    read = "select * from read_parquet(?, hive_partitioning = false) order by all"
    return {str(file.relative_to(home.features)): duckdb.execute(read, [str(file)]).fetchall() for file in files}


def assert_same(found: Rows, expected: Rows) -> None:
    """Whole tables, told apart by the first row that differs."""
    assert found.keys() == expected.keys()
    for name, rows in expected.items():
        differing = next(((a, b) for a, b in zip(found[name], rows, strict=False) if a != b), None)
        assert differing is None, f"{name}: {differing}"
        assert len(found[name]) == len(rows), name
