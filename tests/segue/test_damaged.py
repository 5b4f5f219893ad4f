"""A table that was cut short is told by its path and the way on, whoever reads it and by whatever library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from segue import cli
from segue.cli import main
from segue.home import Home

READS: dict[str, Callable[[Path], Any]] = {
    "pyarrow": pq.read_table,
    "a dataset": lambda path: ds.dataset([path]).to_table(),
    "pandas": pd.read_parquet,
    "DuckDB": lambda path: duckdb.connect().execute("select count(*) from read_parquet(?)", [str(path)]).fetchall(),
}


def stored(home: Home, name: str) -> Path:
    """A whole table at `name` in a home."""
    path = home.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"track_id": ["t1", "t2"]}), path)
    return path


def cut_short(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:40])
    return path


def reading(monkeypatch: pytest.MonkeyPatch, read: Callable[[], object]) -> None:
    """Any command is one that reads."""
    monkeypatch.setattr(cli, "_load", lambda _: lambda **_: read())


@pytest.mark.parametrize("read", READS.values(), ids=list(READS))
def test_a_command_that_reads_one_says_which_and_what_to_do(
    home: Home, read: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(home, "features/labels/day=2026-11-14/data.parquet")
    path = cut_short(stored(home, "features/labels/day=2026-11-15/data.parquet"))
    reading(monkeypatch, lambda: read(path))
    assert main(["features", "--as-of", "2026-11-15"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(f"segue features: Expected whole Parquet files in {home.features}, received {path}, which cannot")
    assert "remove it, then `segue features` writes it again" in said


def test_what_is_not_to_be_read_or_only_landed_is_not_at_fault(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("landing/events/events/day=2026-11-15/a.parquet", "tmp/week/a.parquet", "features/users/.data.parquet"):
        path = cut_short(stored(home, name))
    reading(monkeypatch, lambda: pq.read_table(path))
    with pytest.raises((OSError, pa.ArrowException)):
        main(["features", "--as-of", "2026-11-15"])


def test_a_failure_of_the_system_is_not_put_down_to_a_table(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_short(stored(home, "predictions/weekly/data.parquet"))
    for problem in (ConnectionRefusedError(111, "refused"), OSError(28, "no space left"), FileNotFoundError(2, "no model.pb")):
        reading(monkeypatch, lambda problem=problem: (_ for _ in ()).throw(problem))
        with pytest.raises(type(problem)):
            main(["features", "--as-of", "2026-11-15"])


def test_of_several_it_is_the_one_that_was_read(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cut_short(stored(home, "features/labels/day=2026-11-14/data.parquet"))
    read = cut_short(stored(home, "predictions/weekly/data.parquet"))
    reading(monkeypatch, lambda: READS["DuckDB"](read))
    assert main(["features", "--as-of", "2026-11-15"]) == 2
    assert f"received {read}, which" in capsys.readouterr().err


def test_a_failure_that_no_table_is_the_cause_of_keeps_its_traceback(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stored(home, "features/labels/day=2026-11-15/data.parquet")
    reading(monkeypatch, lambda: pq.read_table(path, columns=["track_id"]).column("artist_id"))
    with pytest.raises(KeyError):
        main(["features", "--as-of", "2026-11-15"])
    reading(monkeypatch, lambda: pa.array(["a"]).cast(pa.int64()))
    with pytest.raises(pa.ArrowInvalid):
        main(["features", "--as-of", "2026-11-15"])
