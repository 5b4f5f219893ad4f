"""A week after the features went on: the stored lists stay, what is made or asked again goes by what is known since."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from serving_platform import Platform
from weekly_runs import make, stored

from infra.mart.feast_apply import apply_and_materialise
from segue.home import Home, get_home
from segue.names import DAILY_TABLES, Table
from segue.settings import get_settings
from serving.weekly import show

USER = "u00003"


@pytest.fixture
def going_on(built: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """The platform in a home of its own, so that its features may go on."""
    for folder in ("features", "feast", "releases"):
        shutil.copytree(built.home.root / folder, tmp_path / "home" / folder)
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    apply_and_materialise(built.gold.as_of)
    yield Platform(get_home(), built.gold)
    get_settings.cache_clear()


def next_day(home: Home, day: date, changed: dict[str, Any]) -> None:
    """A day in which nobody listened, but for what `changed` says of the history of `USER`."""
    for table in DAILY_TABLES:
        before = home.table(table) / f"day={day}" / "data.parquet"
        rows = pq.read_table(before)
        after = home.table(table) / f"day={day + timedelta(days=1)}" / "data.parquet"
        after.parent.mkdir()
        pq.write_table(_a_day_later(rows), after)
    path = home.table(Table.USER_HISTORY) / "data.parquet"
    rows = _a_day_later(pq.read_table(path))
    lines = [row | changed if row["user_id"] == USER else row for row in rows.to_pylist()]
    pq.write_table(rows.from_pylist(lines, schema=rows.schema), path)


def _a_day_later(rows: Any) -> Any:
    lines = rows.to_pylist()
    for line in lines:
        if "event_timestamp" in line:
            line["event_timestamp"] += timedelta(days=1)
    return rows.from_pylist(lines, schema=rows.schema)


def test_a_week_made_again_after_newer_features_goes_by_them_and_its_explanation_says_so(going_on: Platform) -> None:
    day = going_on.gold.as_of
    first = make(going_on)
    before = list(stored(going_on, USER)["track_ids"])
    plain = show.run(user=USER, week=None, explain=True)
    assert (plain.summary["told_through"], "Told by" in plain.text) == (day, False)
    assert make(going_on).summary["digest"] == first.summary["digest"], "the same features give the same week"

    history = pq.read_table(going_on.home.table(Table.USER_HISTORY) / "data.parquet").to_pylist()
    heard = next(row for row in history if row["user_id"] == USER)["heard_tracks"]
    next_day(going_on.home, day, {"heard_tracks": [before[0], *heard], "disliked_tracks": [before[1]]})
    apply_and_materialise(day + timedelta(days=1))

    told = show.run(user=USER, week=None, explain=True)
    assert [t["track_id"] for t in told.summary["tracks"]] == before, "what is stored stays as it was"
    assert told.summary["told_through"] == day + timedelta(days=1)
    assert f"Told by what is known through {day + timedelta(days=1)}; the stored list was made by" in told.text
    assert "Told by" not in show.run(user=USER, week=None, explain=False).text
    assert make(going_on).summary["digest"] != first.summary["digest"]
    assert not set(before[:2]) & set(stored(going_on, USER)["track_ids"]), "heard and disliked since"
