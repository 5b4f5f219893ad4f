"""Which listens a trainer is given, and how little of them it has to hold."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segue.home import Home
from segue.names import Table
from trainers.first_listens import first_listens
from trainers.fitting import LEARNED_COLUMNS
from trainers.gold import is_first, label_days, read_labels, release_times
from trainers.sessions import radio

UNTIL = datetime(2026, 11, 30, tzinfo=UTC)
CATALOGUE = np.array([f"t{n}" for n in range(7)], object)


def _labels(home: Home, day: int, rows: list[dict[str, Any]], name: str = "data") -> None:
    file = home.table(Table.LABELS) / f"day=2026-11-{day:02}" / f"{name}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_parquet(file, index=False, coerce_timestamps="us")


def _listen(number: int, at: str, **others: Any) -> dict[str, Any]:
    some = {
        "user_id": f"u{number % 5}",
        "track_id": f"t{number % 7}",
        "session_id": f"s{at[8:10]}-{number % 3}",
        "weight": 1.0,
    }
    known = {"outcome": "complete", "saved": None, "surface": "home", "device": None, "territory": "SE", "integrity": 1.0}
    when = {"listen_id": f"l{number:03}", "event_timestamp": pd.Timestamp(at, tz="UTC"), "first_listen": number % 2 == 0}
    return some | known | when | others


@pytest.fixture
def log(home: Home) -> Path:
    """Twelve days, the files of each out of order, one day in two files and one of the twelve silent."""
    for day in range(2, 14):
        rows = [_listen(n, f"2026-11-{day:02} {(n * 7) % 24:02}:00") for n in range(12)]
        rows += [_listen(20, f"2026-11-{day:02} 05:00", integrity=0.0), _listen(21, f"2026-11-{day:02} 05:00", integrity=None)]
        if day == 5:
            _labels(home, day, rows[6:], "a")
            _labels(home, day, rows[:6], "b")
        elif day != 8:
            _labels(home, day, rows)
    return home.root


def test_listens_of_a_bot_are_not_read_and_those_of_a_doubted_account_are(home: Home) -> None:
    rows = [("bot", 0.0), ("doubted", 0.4), ("listener", 1.0), ("unknown", None)]
    trust = [_listen(n, "2026-11-02 10:00", user_id=user, integrity=value) for n, (user, value) in enumerate(rows)]
    _labels(home, 2, trust)
    for columns in (None, ("user_id",)):
        assert read_labels(None, UNTIL, columns)["user_id"].tolist() == ["doubted", "listener", "unknown"]


def test_named_columns_are_those_of_the_whole_in_the_same_order_and_ids_are_held_once(log: Path) -> None:
    whole, some = read_labels(None, UNTIL), read_labels(None, UNTIL, LEARNED_COLUMNS)
    assert whole.equals(whole.sort_values(["event_timestamp", "listen_id"], ignore_index=True))
    assert list(some.columns) == list(LEARNED_COLUMNS)
    for name in LEARNED_COLUMNS:
        pd.testing.assert_series_equal(some[name].astype(whole[name].dtype), whole[name])
    assert {name for name in some if some[name].dtype == "category"} >= {"user_id", "track_id", "session_id", "outcome"}
    assert len(some["user_id"].cat.categories) == 5


def test_a_log_that_cannot_tell_first_listens_has_nothing_but_those(home: Home) -> None:
    _labels(home, 2, [_listen(n, "2026-11-02 10:00", first_listen=None) for n in range(3)])
    assert is_first(read_labels(None, UNTIL)).all()
    assert len(first_listens(None, UNTIL, rows=10, seed=1)) == 3


def test_first_listens_are_drawn_from_the_labels_that_are_and_no_bot_is_among_them(log: Path) -> None:
    labels = read_labels(None, UNTIL)
    firsts, drawn = labels[is_first(labels)], first_listens(None, UNTIL, rows=1_000, seed=1)
    pd.testing.assert_frame_equal(drawn, firsts[list(drawn.columns)].reset_index(drop=True))
    sample = first_listens(None, UNTIL, rows=20, seed=1)
    assert len(sample) == 20
    assert sample["user_id"].dtype == object
    assert sample["event_timestamp"].is_monotonic_increasing


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """From when labels are read for the sessions."""
    asked: list[datetime] = []

    def noting(since: datetime, until: datetime, columns: Any) -> pd.DataFrame:
        asked.append(since)
        return read_labels(since, until, columns)

    monkeypatch.setattr(radio, "read_labels", noting)
    return asked


@pytest.mark.parametrize(("most", "begun"), [(13, [10]), (60, [10, 5]), (10_000, [10, 5, 2])])
def test_the_newest_sessions_are_those_of_the_whole_log_and_only_as_many_days_are_read_as_they_take(
    log: Path, monkeypatch: pytest.MonkeyPatch, read: list[datetime], most: int, begun: list[int]
) -> None:
    monkeypatch.setattr(radio, "NEWEST_PLAYS", most)
    found, every = radio.newest_sessions(UNTIL, CATALOGUE), radio.sessions_of(read_labels(None, UNTIL), CATALOGUE)
    assert [since.day for since in read] == begun
    assert 0 < len(found.tracks) <= most
    first = len(every.tracks) - len(found.tracks)
    assert found.tracks.tolist() == every.tracks[first:].tolist()
    assert (found.starts + first).tolist() == every.starts[-len(found.starts) :].tolist()
    assert len(label_days(UNTIL)) == 11


def test_a_session_that_had_begun_before_the_days_that_are_read_is_not_taken_for_one_of_them(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be shorter than it was, and stand where it does not belong."""
    for day in range(2, 14):
        over_midnight = [_listen(0, f"2026-11-{day:02} 00:10", session_id=f"night-{day - 1}")] if day > 2 else []
        _labels(home, day, [*over_midnight, _listen(1, f"2026-11-{day:02} 23:50", session_id=f"night-{day}")])
    monkeypatch.setattr(radio, "NEWEST_PLAYS", 8)
    assert radio.newest_sessions(UNTIL, CATALOGUE).lengths.tolist() == [2, 2, 2, 1]
    monkeypatch.setattr(radio, "LONGEST_SESSION", radio.LONGEST_SESSION * 0)
    assert radio.newest_sessions(UNTIL, CATALOGUE).lengths.tolist() == [1, 2, 2, 2, 1], "the twin: one that is cut in two"


def test_a_release_of_the_year_1_is_long_before_and_an_unknown_one_is_neither_before_nor_after() -> None:
    tracks = pd.DataFrame({"release_date": [date(1, 1, 1), date(2026, 11, 2), date(9999, 12, 31), None]})
    released, monday = release_times(tracks), datetime(2026, 11, 2, tzinfo=UTC)
    assert (released < monday).tolist() == [True, False, False, False]
    assert (released >= monday).tolist() == [False, True, True, False]
