"""Listeners made strangers on the checkerboard: what the platform's own stages say of them after their last few plays."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
import pytest
from trained_home import SPLIT, Board, checkerboard_home

from segue.errors import SegueError
from segue.home import get_home
from trainers.benches import strangers
from trainers.gold import read_labels, read_tracks
from trainers.inputs import USER_COLUMNS

__all__ = ["checkerboard_home"]

PLAYS = (0, 1, 6)


@pytest.fixture(scope="module")
def listens(checkerboard_home: Board) -> pd.DataFrame:
    return read_labels(None, SPLIT.end)


@pytest.fixture(scope="module")
def users(listens: pd.DataFrame) -> list[str]:
    """One of each territory, both active on the day before the cutoff, not in the order of their ids."""
    last_day = listens[listens["event_timestamp"].between(SPLIT.cutoff - timedelta(days=1), SPLIT.cutoff, inclusive="left")]
    chosen = last_day.drop_duplicates("territory").sort_values("user_id", ascending=False)
    assert len(chosen) == 2
    return list(chosen["user_id"])


@pytest.fixture(scope="module")
def rows(listens: pd.DataFrame, users: list[str]) -> dict[int, pd.DataFrame]:
    return strangers.rows_after(listens, users, SPLIT.cutoff, PLAYS)


def _last(listens: pd.DataFrame, user: str, count: int, before: datetime = SPLIT.cutoff) -> pd.DataFrame:
    """The newest `count` listens, newest first."""
    own = listens[(listens["user_id"] == user) & (listens["event_timestamp"] < before)]
    return own.sort_values("event_timestamp", ascending=False).head(count)


def test_every_stranger_has_a_row_in_the_order_asked_and_no_known_moment(
    rows: dict[int, pd.DataFrame], users: list[str], listens: pd.DataFrame
) -> None:
    assert list(rows) == list(PLAYS)
    home = dict(zip(listens["user_id"], listens["territory"], strict=True))
    for plays, frame in rows.items():
        assert list(frame["user_id"]) == [f"{user}~{plays}" for user in users]
        assert list(frame["territory"]) == [home[user] for user in users]
        assert set(frame.columns) == {*USER_COLUMNS, "device", "hour_of_day", "day_of_week"}
        assert frame[["device", "hour_of_day", "day_of_week"]].drop_duplicates().to_numpy().tolist() == [["", -1, -1]]


def test_after_no_play_nothing_but_the_territory_is_known(rows: dict[int, pd.DataFrame]) -> None:
    known = rows[0].drop(columns=["user_id", "territory", "device", "hour_of_day", "day_of_week"])
    assert known.isna().all(axis=None)


@pytest.mark.parametrize("plays", [1, 6])
def test_after_some_plays_the_newest_of_them_before_the_cutoff_are_known_and_no_other(
    plays: int, rows: dict[int, pd.DataFrame], users: list[str], listens: pd.DataFrame
) -> None:
    for user, row in zip(users, rows[plays].to_dict("records"), strict=True):
        last = _last(listens, user, plays)
        assert row["plays_7d"] == row["plays_30d"] == plays
        assert list(row["recent_tracks"]) == list(last["track_id"].drop_duplicates())
        assert row["early_skip_rate_30d"] == pytest.approx((last["outcome"] == "early_skip").mean())
        assert row["save_rate_30d"] == pytest.approx(last["saved"].mean())
        assert row["days_since_last_play"] == 0


def test_how_each_play_was_received_is_told(rows: dict[int, pd.DataFrame], users: list[str], listens: pd.DataFrame) -> None:
    said = [outcome for row in rows[6]["recent_outcomes"] for outcome in row]
    last = [_last(listens, user, 6).drop_duplicates("track_id") for user in users]
    received = pd.concat(last)["outcome"].map({"early_skip": 0, "late_skip": 1, "complete": 2})
    assert len(set(received)) > 1
    assert said == list(received)


def test_no_home_of_strangers_is_left(rows: dict[int, pd.DataFrame]) -> None:
    assert not (get_home().tmp / "strangers").exists()


def test_a_stage_that_fails_is_told_in_its_words_and_leaves_no_home(
    listens: pd.DataFrame, users: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(home: object, *arguments: str) -> None:
        assert (get_home().tmp / "strangers").exists()
        raise SegueError(expected=f"{arguments[2]} to end well", received="a full disk", mend="make room")

    monkeypatch.setattr(strangers, "python_in", fails)
    with pytest.raises(SegueError, match="land to end well, received a full disk"):
        strangers.rows_after(listens, users, SPLIT.cutoff, PLAYS)
    assert not (get_home().tmp / "strangers").exists()


def test_a_listen_is_told_as_a_player_would_have(listens: pd.DataFrame) -> None:
    """A play as long as its outcome says, and a save of its own."""
    kinds = [("complete", True), ("complete", False), ("late_skip", False), ("early_skip", False)]
    told = (
        listens.drop_duplicates("listen_id")
        .head(5)
        .assign(outcome=[outcome for outcome, _ in kinds] + [None], saved=[saved for _, saved in kinds] + [None])
    )
    events = strangers._events(told)
    plays, saves = events[events["event_type"] == "play"], events[events["event_type"] == "save"]
    length = read_tracks().set_index("track_id")["duration_ms"].reindex(told["track_id"]).to_numpy()
    assert list(plays["ms_played"][:4]) == [length[0], length[1], round(length[2] / 2), 5_000]
    assert plays["ms_played"].isna().tolist() == [False] * 4 + [True]
    assert list(saves["track_id"]) == [told["track_id"].iloc[0]]
    assert events["event_id"].is_unique
    assert list(plays["occurred_at"]) == list(told["event_timestamp"])
