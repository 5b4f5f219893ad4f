"""Files of events as somebody else might send them, and what landing said of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from infra.landing.command import run
from segue.home import Home

NOON = datetime(2026, 9, 21, 12, tzinfo=UTC)


def row(**fields: Any) -> dict[str, Any]:
    agreed = {"event_id": "e1", "event_type": "play", "user_id": "u1", "track_id": "t1", "occurred_at": NOON}
    return agreed | fields


def jsonl(folder: Path, name: str, rows: list[Any]) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join((value if isinstance(value, str) else json.dumps(value, default=str)) + "\n" for value in rows))
    return file


def parquet(folder: Path, name: str, table: pa.Table) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file)
    return file


def landed_files(home: Home) -> list[str]:
    files = (home.landing / "events").glob("*/day=*/*")
    return sorted(f"{file.parent.parent.name}/{file.parent.name.removeprefix('day=')}" for file in files)


def refusal(path: Path) -> str:
    outcome = run(source="events", path=path)
    assert outcome.exit_code == 2
    [sentence] = outcome.summary["refused"].values()
    assert sentence in outcome.text
    assert "\n" not in sentence
    return str(sentence)
