"""Which listens a trainer is given."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from segue.home import get_home
from segue.names import Table
from segue.settings import get_settings
from trainers.gold import read_labels, release_times


def test_listens_of_a_bot_are_not_read_and_those_of_a_doubted_account_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path))
    get_settings.cache_clear()
    folder = get_home().table(Table.LABELS) / "day=2026-11-02"
    folder.mkdir(parents=True)
    at = pd.Timestamp("2026-11-02 10:00", tz="UTC")
    rows = [("bot", 0.0), ("doubted", 0.4), ("listener", 1.0), ("unknown", None)]
    labels = [{"listen_id": f"l-{user}", "user_id": user, "event_timestamp": at, "integrity": trust} for user, trust in rows]
    pd.DataFrame(labels).to_parquet(folder / "data.parquet", index=False)
    read = read_labels(None, datetime(2026, 11, 3, tzinfo=UTC))
    get_settings.cache_clear()
    assert read["user_id"].tolist() == ["doubted", "listener", "unknown"]


def test_a_release_of_the_year_1_is_long_before_and_an_unknown_one_is_neither_before_nor_after() -> None:
    tracks = pd.DataFrame({"release_date": [date(1, 1, 1), date(2026, 11, 2), date(9999, 12, 31), None]})
    released, monday = release_times(tracks), datetime(2026, 11, 2, tzinfo=UTC)
    assert (released < monday).tolist() == [True, False, False, False]
    assert (released >= monday).tolist() == [False, True, True, False]
