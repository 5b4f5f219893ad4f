"""Listeners who have no row on the day they are asked about: the closing row they left, found without reading features."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from feature_readings import change_column, day_file
from gold_listens import user_id
from gold_tables import AS_OF, write_gold

from infra.mart.feast_apply import apply_and_materialise
from segue import point_in_time
from segue.dates import end_of
from segue.features import TIMESTAMP, shared_store, training_frame, views_of
from segue.home import Home
from segue.names import Service, Table
from segue.parity import differences

USERS, DAYS = 9, 40
LEFT = {2: 2, 4: 4, 5: 4, 7: 8}
"""Number of a listener to the day from which they play nothing: their last row is some thirty days later."""


@pytest.fixture
def gaps(home: Home) -> Home:
    write_gold(home, users=USERS, tracks=24, days=DAYS, away={user: (day, DAYS) for user, day in LEFT.items()})
    apply_and_materialise(AS_OF)
    return home


def of_the_week(users: Sequence[str]) -> pd.DataFrame:
    """A row for each of `users` at the end of the last day."""
    at = pd.Series([end_of(AS_OF)] * len(users)).astype("datetime64[us, UTC]")
    return pd.DataFrame({"user_id": list(users), "track_id": "", TIMESTAMP: at})


def own_features() -> list[str]:
    return [ref.partition(":")[2] for ref in views_of(shared_store(), Service.RETRIEVER)[("user_id",)]]


def found_against_plain(rows: pd.DataFrame) -> list[Any]:
    """How a read of listeners alone differs from Feast's plain join without a validity."""
    frame = training_frame(Service.RETRIEVER, rows, only=own_features())
    refs = views_of(shared_store(), Service.RETRIEVER)[("user_id",)]
    asked = rows[["user_id", TIMESTAMP]].assign(row=range(len(rows)))
    plain = shared_store().get_historical_features(entity_df=asked, features=refs).to_df().sort_values("row")
    expected, found = ({name: of[name].tolist() for name in own_features()} for of in (plain, frame))
    return list(differences(expected, found))


def last_days(home: Home) -> dict[str, str]:
    """Folder of the last row of each listener."""
    rows = pd.concat(
        pd.read_parquet(path, columns=["user_id"]).assign(day=path.parent.name)
        for path in home.table(Table.USER_FEATURES).glob("*/*.parquet")
    )
    return {str(user): str(day) for user, day in rows.groupby("user_id")["day"].max().items()}


EVERYBODY = [*(user_id(n) for n in range(USERS)), "nobody", user_id(4), user_id(0), "nobody", user_id(4)]


@pytest.mark.parametrize(
    "users",
    [EVERYBODY, [user_id(n) for n in LEFT], [*(user_id(n) for n in LEFT), "nobody"], ["nobody", "nobody"], [user_id(0)]],
)
def test_a_week_is_feasts_plain_join_for_who_left_for_strangers_and_for_who_is_named_twice(
    gaps: Home, users: list[str]
) -> None:
    assert found_against_plain(of_the_week(users)) == []


@pytest.mark.parametrize("off", [timedelta(days=-1), timedelta(days=1)])
def test_a_last_row_sought_on_another_day_is_noticed(gaps: Home, monkeypatch: pytest.MonkeyPatch, off: timedelta) -> None:
    right = point_in_time._as_of_their_last

    def wrong(folder: Any, entities: pd.DataFrame) -> pd.DataFrame:
        found = right(folder, entities)
        return found.assign(**{TIMESTAMP: found[TIMESTAMP] + off})

    monkeypatch.setattr(point_in_time, "_as_of_their_last", wrong)
    assert found_against_plain(of_the_week(EVERYBODY)) != []


def test_the_join_is_given_the_files_of_the_days_on_which_somebody_has_a_last_row_and_no_others(
    gaps: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, ask = list[tuple[str, list[str]]](), point_in_time._ask

    def noting(*of_whom: Any, part: Any) -> Any:
        asked.append((part.name, sorted(of_whom[3]["user_id"])))
        return ask(*of_whom, part=part)

    monkeypatch.setattr(point_in_time, "_ask", noting)
    training_frame(Service.RETRIEVER, of_the_week(EVERYBODY), only=own_features())
    last, newest = last_days(gaps), f"day={AS_OF}"
    left = {user: day for user, day in last.items() if day != newest}
    assert set(left) == {user_id(n) for n in LEFT}
    assert asked[0] == (newest, sorted(set(EVERYBODY)))
    assert asked[1:] == [(day, sorted(u for u in left if left[u] == day)) for day in sorted(set(left.values()))]
    assert len(asked) == 4, "two left on one day and are asked of it together; who has no row at all is asked once"


def test_a_row_that_says_nothing_is_an_answer_and_no_older_one_is_taken(gaps: Home) -> None:
    path = day_file(gaps, Table.USER_FEATURES, AS_OF)
    users = pd.read_parquet(path)["user_id"].tolist()
    change_column(path, "mean_tempo_30d", lambda values: [None, *values[1:]])
    frame = training_frame(Service.RETRIEVER, of_the_week([users[0], users[1], user_id(2)]), only=["mean_tempo_30d"])
    assert frame["mean_tempo_30d"].isna().tolist() == [True, False, True]
    before = of_the_week([users[0]]).assign(**{TIMESTAMP: lambda rows: rows[TIMESTAMP] - timedelta(days=1)})
    assert training_frame(Service.RETRIEVER, before, only=["mean_tempo_30d"])["mean_tempo_30d"].notna().all(), (
        "the older one has"
    )


def test_many_days_at_once_equal_the_plain_join(gaps: Home) -> None:
    """As training asks: who has no row is asked again once, of all files."""
    rows = pd.concat(
        [
            of_the_week(EVERYBODY).assign(**{TIMESTAMP: lambda rows, d=d: rows[TIMESTAMP] - timedelta(days=d)})
            for d in (0, 2, 39, 60)
        ]
    )
    assert found_against_plain(rows.reset_index(drop=True)) == []
