"""The point-in-time frame: what Feast's own plain join gives, in the caller's order, and never the day itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from feature_readings import LEFT, change_column, day_file
from gold_listens import track_id, user_id
from gold_tables import AS_OF, Gold, write_gold

from infra.mart.feast_apply import apply_and_materialise
from segue import point_in_time
from segue.dates import end_of, start_of
from segue.errors import SegueError
from segue.features import REQUESTED_AT, TIMESTAMP, shared_store, training_frame, views_of
from segue.home import Home
from segue.names import Service, Table
from segue.parity import differences
from segue.request_features import request_columns


def listens(rows: list[tuple[str, str, datetime]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["user_id", "track_id", TIMESTAMP])
    return frame.assign(**{TIMESTAMP: frame[TIMESTAMP].astype("datetime64[us, UTC]")})


def random_listens(n: int, *, days: int = 44, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    start = end_of(AS_OF) - timedelta(days=days)
    users, tracks, seconds = rng.integers(26, size=n), rng.integers(50, size=n), rng.integers(days * 86_400, size=n)
    rows = listens(
        [
            (user_id(int(u)), track_id(int(t)), start + timedelta(seconds=int(s)))
            for u, t, s in zip(users, tracks, seconds, strict=True)
        ]
    )
    return rows.assign(territory=rng.choice(["DE", "SE", "FR"], size=n))


def plain_join(service: Service, rows: pd.DataFrame) -> dict[str, list[Any]]:
    """Feast's own answer, asked in the plainest way: every row, every view, no time to live."""
    store, answer = shared_store(), {}
    for keys, refs in views_of(store, service).items():
        asked = rows[[*keys, TIMESTAMP]].assign(row=range(len(rows)))
        found = store.get_historical_features(entity_df=asked, features=refs).to_df().sort_values("row")
        answer |= {ref.partition(":")[2]: found[ref.partition(":")[2]].tolist() for ref in refs}
    return answer


def test_it_equals_feasts_plain_join_gaps_and_strangers_included(served: tuple[Home, Gold]) -> None:
    rows = random_listens(300)
    frame, plain = training_frame(Service.RANKER, rows), plain_join(Service.RANKER, rows)
    plain.pop("territory")  # the caller's own column stays
    assert differences(plain, {name: frame[name].tolist() for name in plain}) == []
    assert frame["plays_30d"].isna().any()
    assert frame["territory_rank"].isna().any()
    assert frame["territory_rank"].notna().any()


@pytest.mark.parametrize("right_day", [True, False])
def test_many_users_of_one_moment_equal_the_plain_join_and_another_days_files_would_not(
    served: tuple[Home, Gold], monkeypatch: pytest.MonkeyPatch, right_day: bool
) -> None:
    """A week is read so; the join is given the files of one snapshot alone."""
    given, one_day = list[Path | None](), point_in_time._one_day

    def noting(folder: Path, midnights: Any) -> Path | None:
        given.append(one_day(folder, midnights if right_day else midnights - timedelta(days=3)))
        return given[-1]

    monkeypatch.setattr(point_in_time, "_one_day", noting)
    moment = pd.Timestamp(end_of(AS_OF - timedelta(days=5))).as_unit("us")
    rows = random_listens(60).assign(**{TIMESTAMP: moment})
    rows.loc[59, "user_id"] = "stranger"
    own = [ref.partition(":")[2] for ref in views_of(shared_store(), Service.RANKER)[("user_id",)]]
    own.remove("territory")  # the caller's own
    with monkeypatch.context() as context:
        if not right_day:  # what is not found there would be mended
            context.setattr(point_in_time, "_ONE_SNAPSHOT", timedelta(days=9))
        frame = training_frame(Service.RANKER, rows, only=own)
    day = AS_OF - timedelta(days=5) if right_day else AS_OF - timedelta(days=8)
    assert given[0] is not None
    assert given[0].name == f"day={day}"
    plain = plain_join(Service.RANKER, rows)
    found = differences({name: plain[name] for name in own}, {name: frame[name].tolist() for name in own})
    assert (found == []) is right_day


def test_a_user_who_comes_back_after_weeks_gets_their_closing_row(served: tuple[Home, Gold]) -> None:
    frame = training_frame(Service.RETRIEVER, listens([(user_id(LEFT), track_id(1), start_of(AS_OF) + timedelta(hours=9))]))
    assert frame["plays_30d"].tolist() == [0]
    assert frame["days_since_last_play"].item() == 30


def test_a_listen_never_sees_its_own_day(served: tuple[Home, Gold]) -> None:
    midnight = start_of(AS_OF)
    seconds = [-1, 0, 86_399, 86_400]
    frame = training_frame(
        Service.RETRIEVER, listens([(user_id(0), track_id(0), midnight + timedelta(seconds=s)) for s in seconds])
    )
    snapshots = [_plays(served[0], AS_OF - timedelta(days=days)) for days in (2, 1, 1, 0)]
    assert frame["plays_30d"].tolist() == snapshots
    assert len(set(snapshots)) > 1


def test_a_changed_future_changes_nothing_before_it(home: Home) -> None:
    write_gold(home, users=6, tracks=24, days=4)
    apply_and_materialise(AS_OF)
    rows = listens([(user_id(n), track_id(n), start_of(AS_OF) + timedelta(hours=1)) for n in range(6)])
    before = training_frame(Service.RETRIEVER, rows)
    for table in (Table.USER_FEATURES, Table.TRACK_FEATURES):
        change_column(day_file(home, table, AS_OF), "plays_7d", lambda values: [v + 1000 for v in values])
    pd.testing.assert_frame_equal(training_frame(Service.RETRIEVER, rows), before)
    for table in (Table.USER_FEATURES, Table.TRACK_FEATURES):  # the twin: the day before is seen
        change_column(day_file(home, table, AS_OF - timedelta(days=1)), "plays_7d", lambda values: [v + 1000 for v in values])
    assert (training_frame(Service.RETRIEVER, rows)["plays_7d"] - before["plays_7d"] == 1000).all()


def test_order_index_and_the_callers_columns_are_kept(served: tuple[Home, Gold]) -> None:
    rows = random_listens(40).assign(weight=1.5).set_index(np.arange(40)[::-1] * 3)
    twice = pd.concat([rows, rows])
    frame = training_frame(Service.RANKER, twice)
    assert frame.index.tolist() == twice.index.tolist()
    pd.testing.assert_frame_equal(frame[twice.columns.tolist()], twice)
    assert frame["plays_7d"].iloc[:40].tolist() == pytest.approx(frame["plays_7d"].iloc[40:].tolist(), nan_ok=True)


def test_the_account_territory_is_served_where_the_caller_names_none(served: tuple[Home, Gold]) -> None:
    rows = listens([(user_id(0), track_id(0), end_of(AS_OF)), (user_id(2), track_id(0), end_of(AS_OF))])
    assert training_frame(Service.RETRIEVER, rows)["territory"].tolist() == ["DE", "SE"]
    assert training_frame(Service.RETRIEVER, rows.assign(territory="FR"))["territory"].tolist() == ["FR", "FR"]


def test_a_null_territory_is_joined_as_the_unknown_one(home: Home) -> None:
    write_gold(home, users=6, tracks=24, days=2)
    path = day_file(home, Table.TRACK_TERRITORY_FEATURES, AS_OF)
    change_column(path, "territory", lambda values: ["ZZ" if value == "DE" else value for value in values])
    apply_and_materialise(AS_OF)
    rows = listens([(user_id(0), track_id(n), end_of(AS_OF)) for n in range(24)]).assign(territory=None)
    frame = training_frame(Service.RANKER, rows)
    assert frame["territory_rank"].notna().any()
    assert frame["territory"].isna().all()


def test_no_rows_give_no_rows_with_every_column(served: tuple[Home, Gold]) -> None:
    frame = training_frame(Service.RANKER, random_listens(1).iloc[:0])
    assert len(frame) == 0
    assert {"plays_7d", "track_plays_7d", "territory_rank"} <= set(frame.columns)


def test_a_missing_join_key_is_named(served: tuple[Home, Gold]) -> None:
    with pytest.raises(SegueError, match=r"join keys territory, track_id of the ranker service.*rows without territory"):
        training_frame(Service.RANKER, random_listens(3).drop(columns="territory"))


def test_request_features_through_feast_are_the_pure_functions(served: tuple[Home, Gold]) -> None:
    rows = random_listens(50)
    moments = rows[TIMESTAMP].where(np.arange(50) % 7 != 0)  # some lists have no moment
    frame = training_frame(Service.RANKER, rows.assign(**{REQUESTED_AT: moments}))
    pure = request_columns(moments.dt.tz_localize(None).to_numpy("datetime64[us]"))
    for name, values in pure.items():
        assert frame[name].tolist() == values.tolist()
    assert (frame.loc[moments.isna(), "hour_of_day"] == -1).all()
    assert frame["hour_of_day"].nunique() > 10


def test_rows_without_a_moment_have_no_request_features(served: tuple[Home, Gold]) -> None:
    assert "hour_of_day" not in training_frame(Service.RETRIEVER, random_listens(3)).columns


def _plays(home: Home, day: Any) -> int:
    found = pd.read_parquet(day_file(home, Table.USER_FEATURES, day))
    return int(found.loc[found["user_id"] == user_id(0), "plays_30d"].item())


def test_some_features_alone_are_what_they_are_among_all(served: tuple[Home, Gold]) -> None:
    rows, names = random_listens(200), ["plays_30d", "territory_rank"]
    frame = training_frame(Service.RANKER, rows, only=names)
    assert list(frame.columns) == [*rows.columns, *names]
    pd.testing.assert_frame_equal(frame[names], training_frame(Service.RANKER, rows)[names])
