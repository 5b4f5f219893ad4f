"""The online rows and the stored playlists, on SQLite and on a real Redis."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from feature_readings import offline
from gold_listens import user_id
from gold_tables import AS_OF, Gold, write_gold

from infra.mart.feast_apply import apply_and_materialise
from segue import features, playlist_store
from segue.errors import SegueError
from segue.features import (
    PLAYLIST_COLUMNS,
    delete_playlists,
    online_row,
    online_rows,
    playlist_row,
    repo_config,
    shared_store,
    write_playlists,
)
from segue.home import Home
from segue.names import Service
from segue.parity import differences
from segue.playlists import week_key
from segue.settings import get_settings

WEEK = date(2026, 11, 16)


def playlists(users: list[str], release: str = "r1", tracks: int = 3) -> pd.DataFrame:
    n = len(users)
    return pd.DataFrame(
        {
            "user_id": users,
            "week": week_key(WEEK, release),
            "track_ids": [[f"t{i}-{j}" for j in range(tracks)] for i in range(n)],
            "scores": [np.linspace(0.9, 0.1, tracks, dtype=np.float32) for _ in range(n)],
            "sources": [["retriever"] * tracks for _ in range(n)],
            "reasons": [[f"because of {user}"] * tracks for user in users],
            "release": release,
        }
    )


def test_the_columns_are_the_services_features_in_its_order(served: tuple[Home, Gold]) -> None:
    rows = online_rows(Service.POLICY, [user_id(0), user_id(1)])
    history = ["heard_tracks", "saved_tracks", "disliked_tracks", "disliked_artists", "heard_60d"]
    assert list(rows) == [*history, "adventurousness", "territory", "explicit_allowed", "top_genres", "top_genre_shares"]
    assert [len(values) for values in rows.values()] == [2] * 10


def test_a_user_nobody_knows_has_none_for_every_feature(served: tuple[Home, Gold]) -> None:
    rows = online_rows(Service.RETRIEVER, [user_id(0), "nobody", user_id(0)])
    assert {values[1] for values in rows.values()} == {None}
    assert all(values[0] == values[2] for values in rows.values())


def test_many_users_come_in_the_order_asked(served: tuple[Home, Gold], monkeypatch: pytest.MonkeyPatch) -> None:
    users = [*served[1].user_group, "nobody"][::-1]
    whole = online_rows(Service.RETRIEVER, users)
    monkeypatch.setattr(features, "_USERS_PER_READ", 4)
    assert online_rows(Service.RETRIEVER, users) == whole
    assert online_rows(Service.RETRIEVER, [])["plays_7d"] == []


def test_threads_that_read_together_get_their_own_users(served: tuple[Home, Gold]) -> None:
    users = list(served[1].user_group)
    alone = {user: online_rows(Service.RETRIEVER, [user]) for user in users}
    with ThreadPoolExecutor(8) as pool:
        together = pool.map(lambda user: (user, online_rows(Service.RETRIEVER, [user])), users * 10)
        assert all(rows == alone[user] for user, rows in together)


def test_a_reader_goes_on_while_a_writer_writes_and_two_writers_take_turns(home: Home) -> None:
    _served(home)
    before = online_rows(Service.RETRIEVER, [user_id(0)])
    with closing(sqlite3.connect(home.feast / "online.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert online_rows(Service.RETRIEVER, [user_id(0)]) == before
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(write_playlists, playlists([user_id(0)]))
            assert not waiting.done()
            other.execute("COMMIT")
            waiting.result()
    assert playlist_row(user_id(0), week_key(WEEK, "r1")) is not None
    patience = shared_store().provider.online_store._get_conn(repo_config()).execute("PRAGMA busy_timeout").fetchone()
    assert patience[0] > 60_000


def test_a_new_registry_is_seen_without_a_restart(home: Home) -> None:
    write_gold(home, users=4, tracks=24, days=2)
    apply_and_materialise(AS_OF)
    before = shared_store()
    assert shared_store() is before
    apply_and_materialise(AS_OF)
    assert shared_store() is not before


def test_a_playlist_is_read_as_it_was_written(home: Home) -> None:
    _served(home)
    frame = playlists([user_id(0), "a-user-gold-has-not"])
    write_playlists(frame)
    for n, user in enumerate(frame["user_id"]):
        row = playlist_row(user, week_key(WEEK, "r1"))
        assert row is not None
        assert set(row) == set(PLAYLIST_COLUMNS)
        assert row["track_ids"] == frame["track_ids"][n]
        assert row["reasons"] == frame["reasons"][n]
        assert row["scores"] == frame["scores"][n].tolist()
        assert row["release"] == "r1"


def test_another_release_of_the_same_week_is_another_playlist(home: Home) -> None:
    _served(home)
    write_playlists(playlists([user_id(0)], "r1"))
    assert playlist_row(user_id(0), week_key(WEEK, "r2")) is None
    write_playlists(playlists([user_id(0)], "r2", tracks=2))
    kept = playlist_row(user_id(0), week_key(WEEK, "r1"))
    assert kept is not None
    assert len(kept["track_ids"]) == 3


def test_written_again_a_playlist_is_replaced(home: Home, store_kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _served(home)
    monkeypatch.setattr(playlist_store, "_PER_WRITE", 2)
    users = [user_id(n) for n in range(5)]
    write_playlists(playlists(users, tracks=3))
    write_playlists(playlists(users, tracks=1))
    write_playlists(playlists(users).iloc[:0])
    for user in users:
        row = playlist_row(user, week_key(WEEK, "r1"))
        assert row is not None
        assert len(row["track_ids"]) == 1


def test_a_row_read_alone_is_the_row_that_feast_answers(home: Home, store_kind: str) -> None:
    _served(home)
    for user in (user_id(0), "nobody"):
        whole = {name: values[0] for name, values in online_rows(Service.POLICY, [user]).items()}
        names = ["heard_tracks", "saved_tracks", "disliked_tracks"]
        alone = online_row(Service.POLICY, {"user_id": user}, names)
        assert (alone or dict.fromkeys(names)) == {name: whole[name] for name in names}
        assert names == ["heard_tracks", "saved_tracks", "disliked_tracks"], "the caller's list is the caller's"


def test_a_feature_that_no_view_has_is_one_sentence(served: tuple[Home, Gold]) -> None:
    with pytest.raises(SegueError, match="a feature of the policy service, received tempo"):
        online_row(Service.POLICY, {"user_id": user_id(0)}, ["tempo"])


def test_deleted_playlists_are_gone_and_the_others_stay(home: Home, store_kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _served(home)
    monkeypatch.setattr(playlist_store, "_PER_DELETE", 2)
    users = [user_id(n) for n in range(5)]
    for release in ("r1", "r2"):
        write_playlists(playlists(users, release))
    delete_playlists([*users[:3], "nobody"], week_key(WEEK, "r1"))
    assert [playlist_row(user, week_key(WEEK, "r1")) is None for user in users] == [True, True, True, False, False]
    assert all(playlist_row(user, week_key(WEEK, "r2")) for user in users)
    assert online_rows(Service.POLICY, [user_id(0)])["heard_tracks"][0] is not None


def test_redis_without_an_address_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_ONLINE_STORE", "redis")
    get_settings.cache_clear()
    with pytest.raises(SegueError, match="SEGUE_REDIS_URL"):
        repo_config()


def test_on_redis_the_rows_equal_the_historical_read_and_playlists_are_kept(
    home: Home, redis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_ONLINE_STORE", "redis")
    monkeypatch.setenv("SEGUE_REDIS_URL", redis)
    get_settings.cache_clear()
    _served(home)
    users = [*(user_id(n) for n in range(6)), "nobody"]
    for service in (Service.RETRIEVER, Service.POLICY):
        assert differences(offline(service, "user_id", users, AS_OF), online_rows(service, users)) == []
    write_playlists(playlists(users))
    row = playlist_row("nobody", week_key(WEEK, "r1"))
    assert row is not None
    assert row["track_ids"] == ["t6-0", "t6-1", "t6-2"]
    assert playlist_row("nobody", week_key(WEEK, "r2")) is None
    assert not (home.feast / "online.db").exists()


def _served(home: Home) -> Any:
    write_gold(home, users=6, tracks=24, days=2)
    return apply_and_materialise(AS_OF)
