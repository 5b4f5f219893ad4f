"""The inventory of landing: what can't be read is said in words, and what was looked at before is not opened again."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from infra.mart import inventory
from segue.home import Home

DAY = date(2026, 9, 21)


def land(home: Home, name: str, content: bytes) -> Path:
    path = home.landing_day("events", "events", DAY) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_line_too_long_for_the_reader_is_a_problem_of_its_file_alone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "LONGEST_LINE", 100)
    land(home, "a.jsonl", b'{"event_id": "e1"}\n' + b"x" * 101 + b"\n")
    land(home, "b.jsonl", b'{"event_id": "e2"}\n' + b"x" * 99 + b"\n")
    first, second = inventory.take(home, DAY)
    assert (first.problem, second.problem) == ("a line of more than 100 bytes", None)


def test_a_file_of_the_known_size_is_not_opened_again_and_one_that_grew_is(home: Home) -> None:
    path = land(home, "a.jsonl", b'{"event_id": "e1"}\n')
    known = inventory.take(home, DAY)
    path.write_bytes(b"\xff" * path.stat().st_size)
    assert inventory.take(home, DAY, known=known) == known
    assert inventory.take(home, DAY)[0].format == "jsonl:latin-1"
    path.write_bytes(b"\xff" * (path.stat().st_size + 1))
    assert inventory.take(home, DAY, known=known)[0].format == "jsonl:latin-1"


def test_what_was_written_is_read_back(home: Home, tmp_path: Path) -> None:
    land(home, "a.jsonl", b'{"event_id": "e1"}\n')
    land(home, "b.parquet", b"not parquet")
    files = inventory.take(home, DAY)
    inventory.write(files, tmp_path / "inventory.parquet")
    assert inventory.read(tmp_path / "inventory.parquet") == files
    assert inventory.read(tmp_path / "none.parquet") == []
