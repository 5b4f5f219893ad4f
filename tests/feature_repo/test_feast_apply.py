"""Materialisation: the newest rows are online, whatever the store lost or the day changed."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from feature_readings import change_column, changed_repo, day_file
from gold_tables import AS_OF
from redis import Redis
from small_gold import USERS, small_gold

from infra.mart import feast_apply
from infra.mart.feast_apply import apply_and_materialise
from segue.features import fingerprint, materialised_through, online_rows, open_store
from segue.home import Home
from segue.names import MODEL_SERVICES, Service, Table
from segue.settings import get_settings


def test_the_newest_row_of_every_entity_is_online(home: Home) -> None:
    small_gold(home)
    done = apply_and_materialise(AS_OF)
    assert done["rows"] == {"user_features": 6, "user_history": 6, "track_features": 24}
    assert done["online_as_of"] == AS_OF.isoformat()
    assert materialised_through() == AS_OF
    assert done["fingerprint"] == fingerprint(open_store(), MODEL_SERVICES)


def test_the_same_day_again_changes_nothing(home: Home) -> None:
    small_gold(home)
    first, rows = apply_and_materialise(AS_OF), online_rows(Service.RETRIEVER, USERS)
    again = apply_and_materialise(AS_OF)
    assert again["rows"] == {"user_features": 0, "user_history": 0, "track_features": 0}
    assert {**again, "rows": 0, "seconds": 0} == {**first, "rows": 0, "seconds": 0}
    assert online_rows(Service.RETRIEVER, USERS) == rows
    assert apply_and_materialise(AS_OF, everything=True)["rows"] == first["rows"]


def test_a_gold_value_that_changed_for_the_same_day_replaces_the_online_one(home: Home, store_kind: str) -> None:
    small_gold(home)
    apply_and_materialise(AS_OF)
    change_column(day_file(home, Table.USER_FEATURES, AS_OF), "plays_7d", lambda values: [v + 1_000 for v in values])
    assert apply_and_materialise(AS_OF)["rows"] == {"user_features": 6, "user_history": 0, "track_features": 0}
    assert min(online_rows(Service.RETRIEVER, USERS)["plays_7d"]) >= 1_000


def _lose(home: Home, store_kind: str) -> None:
    if store_kind == "sqlite":
        for file in home.feast.glob("online.db*"):
            file.unlink()
    else:
        redis_client().flushall()


def redis_client() -> Redis:
    address = get_settings().redis_url
    assert address is not None
    host, port = address.get_secret_value().split(":")
    return Redis(host=host, port=int(port))


def test_a_lost_online_store_is_filled_again_and_that_is_said(
    home: Home, store_kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    small_gold(home)
    first, rows = apply_and_materialise(AS_OF), online_rows(Service.RETRIEVER, USERS)
    _lose(home, store_kind)
    assert apply_and_materialise(AS_OF)["rows"] == first["rows"]
    assert online_rows(Service.RETRIEVER, USERS) == rows
    assert f"does not hold just what was written for {AS_OF}" in capsys.readouterr().err
    assert set(apply_and_materialise(AS_OF)["rows"].values()) == {0}


def test_one_lost_view_is_enough_to_fill_the_store_again(home: Home) -> None:
    small_gold(home)
    first = apply_and_materialise(AS_OF)
    with closing(sqlite3.connect(home.feast / "online.db")) as connection, connection:
        connection.execute("delete from segue_user_history")
    assert apply_and_materialise(AS_OF)["rows"] == first["rows"]
    assert None not in online_rows(Service.POLICY, USERS)["heard_tracks"]


def test_an_earlier_day_fills_a_store_that_lost_a_later_one(home: Home, store_kind: str) -> None:
    small_gold(home)
    apply_and_materialise(AS_OF)
    _lose(home, store_kind)
    earlier = AS_OF - timedelta(days=1)
    done = apply_and_materialise(earlier)
    assert (done["online_as_of"], done["rows"]["user_features"]) == (earlier.isoformat(), 6)
    assert materialised_through() == earlier


@pytest.mark.parametrize("store_kind", ["redis"], indirect=True)
def test_a_store_put_back_from_an_old_copy_is_brought_to_the_day(home: Home, store_kind: str) -> None:
    small_gold(home)
    apply_and_materialise(AS_OF - timedelta(days=1))
    copy = {key: redis_client().dump(key) for key in redis_client().keys()}  # noqa: SIM118
    apply_and_materialise(AS_OF)
    rows = online_rows(Service.RETRIEVER, USERS)
    for key, value in copy.items():
        redis_client().restore(key, 0, value, replace=True)
    assert online_rows(Service.RETRIEVER, USERS) != rows
    apply_and_materialise(AS_OF)
    assert online_rows(Service.RETRIEVER, USERS) == rows


@pytest.mark.parametrize("view", ["user_features", "user_history"])
def test_a_changed_view_is_written_whole(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, view: str) -> None:
    small_gold(home)
    field = {"user_features": "mean_tempo_30d", "user_history": "saved_tracks"}[view]
    kind = {"user_features": "Float64", "user_history": "Array(String)"}[view]
    less = changed_repo(tmp_path / "repo", f'        Field(name="{field}", dtype={kind}),\n', "")
    with monkeypatch.context() as before:
        before.setattr(feast_apply, "REPO", less)
        apply_and_materialise(AS_OF)
    assert apply_and_materialise(AS_OF)["rows"][view] == 6
    service = Service.POLICY if view == "user_history" else Service.RETRIEVER
    assert None not in online_rows(service, USERS)[field]


def test_an_old_day_that_changed_reaches_the_online_row_it_is_the_newest_of(home: Home) -> None:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    small_gold(home)
    for day in range(2):  # one listener has been away for two days
        path = day_file(home, Table.USER_FEATURES, AS_OF - timedelta(days=day))
        table = pq.ParquetFile(path).read()
        pq.write_table(table.filter(pc.not_equal(table.column("user_id"), USERS[0])), path)
    apply_and_materialise(AS_OF)
    path = day_file(home, Table.USER_FEATURES, AS_OF - timedelta(days=2))
    table = pq.ParquetFile(path).read()
    late = pc.if_else(pc.equal(table.column("user_id"), USERS[0]), 4_321, table.column("plays_7d"))
    pq.write_table(table.set_column(table.schema.get_field_index("plays_7d"), "plays_7d", late), path)
    assert apply_and_materialise(AS_OF)["rows"] == {"user_features": 6, "user_history": 0, "track_features": 0}
    assert online_rows(Service.RETRIEVER, USERS[:1])["plays_7d"] == [4_321]


def test_a_later_day_replaces_the_rows(home: Home) -> None:
    small_gold(home)
    apply_and_materialise(AS_OF - timedelta(days=1))
    before = online_rows(Service.RETRIEVER, USERS)
    apply_and_materialise(AS_OF)
    step_by_step = online_rows(Service.RETRIEVER, USERS)
    assert step_by_step != before
    shutil.rmtree(home.feast)
    apply_and_materialise(AS_OF)
    assert online_rows(Service.RETRIEVER, USERS) == step_by_step


def test_an_earlier_day_after_a_later_one_leaves_the_later_rows_and_says_so(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    small_gold(home)
    apply_and_materialise(AS_OF)
    rows = online_rows(Service.RETRIEVER, USERS)
    done = apply_and_materialise(AS_OF - timedelta(days=1))
    assert done["rows"] == {}
    assert done["online_as_of"] == AS_OF.isoformat()
    assert online_rows(Service.RETRIEVER, USERS) == rows
    assert f"already holds {AS_OF}" in capsys.readouterr().err
