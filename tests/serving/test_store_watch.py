"""A store that lost its rows is not served from: on SQLite and on a real Redis, filled as `segue features` fills it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from gold_tables import AS_OF
from redis import Redis
from serving_platform import Platform

from infra.mart import feast_apply
from infra.mart.feast_apply import apply_and_materialise
from segue.features import MATERIALISED, online_rows
from segue.home import get_home
from segue.names import Service
from segue.online_mark import MARKED
from segue.settings import get_settings
from serving.live import store_watch, watch
from serving.live.api import Desk
from serving.live.live_funnel import LiveFunnel
from serving.live.short_way import front_of
from serving.live.store_watch import LOST, UNREADABLE, StoreWatch
from serving.weekly import command as weekly

USER = "u00001"
QUESTIONS = {
    "weekly": ("GET", f"/v1/users/{USER}/weekly", None),
    "weekly elsewhere": ("GET", f"/v1/users/{USER}/weekly?territory=SE", None),
    "weekly of a stranger": ("GET", "/v1/users/stranger/weekly", None),
    "home": ("POST", "/v1/recommend", {"user_id": USER, "count": 100}),
    "radio": ("POST", "/v1/recommend", {"user_id": USER, "context": {"surface": "radio", "session_tracks": ["t00020"]}}),
}


@pytest.fixture(params=["sqlite", "redis"])
def filled(
    request: pytest.FixtureRequest, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    """A copy of the platform whose store a test may lose, of each kind in turn."""
    home = shutil.copytree(platform.home.root, tmp_path / "copy")
    monkeypatch.setenv("SEGUE_HOME", str(home))
    if request.param == "redis":
        monkeypatch.setenv("SEGUE_ONLINE_STORE", "redis")
        monkeypatch.setenv("SEGUE_REDIS_URL", request.getfixturevalue("redis"))
    get_settings.cache_clear()
    apply_and_materialise(AS_OF)
    yield Platform(get_home(), platform.gold)
    get_settings.cache_clear()


@pytest.fixture
def opened(filled: Platform) -> Iterator[Desk]:
    live = LiveFunnel()
    live.refresh()
    opened = Desk(live)
    yield opened
    opened.close()


def lose() -> None:
    """Every row of the store is gone, as after a restart of one that keeps nothing."""
    address = get_settings().redis_url
    if address is not None:
        host, port = address.get_secret_value().split(":")
        Redis(host=host, port=int(port)).flushall()
        return
    with closing(sqlite3.connect(get_home().feast / "online.db")) as connection, connection:
        tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        for name in tables:
            connection.execute(f'delete from "{name}"')  # noqa: S608


def client_of(desk: Desk) -> TestClient:
    return TestClient(front_of(desk), raise_server_exceptions=False)


def asked(client: TestClient) -> dict[str, int]:
    return {name: client.request(how, path, json=body).status_code for name, (how, path, body) in QUESTIONS.items()}


def heard() -> set[str]:
    return set(online_rows(Service.POLICY, [USER])["heard_tracks"][0])


def at_home(client: TestClient) -> set[str]:
    how, path, body = QUESTIONS["home"]
    return {track["track_id"] for track in client.request(how, path, json=body).json()["tracks"]}


def test_no_listener_gets_a_list_from_a_lost_store_until_it_is_filled_again(filled: Platform, opened: Desk) -> None:
    weekly.run(week=filled.week, engine="local")
    client, known = client_of(opened), heard()
    assert set(asked(client).values()) == {200}
    assert client.get("/readyz").status_code == 200
    lose()
    opened.store.look()
    assert set(asked(client).values()) == {503}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["error"]) == (503, LOST)
    assert client.get("/v1/tracks/t00020/similar").status_code == 200, "made for nobody, of whom nothing is stored"
    apply_and_materialise(AS_OF)
    opened.store.look()
    assert set(asked(client).values()) == {200}
    assert client.get("/readyz").json()["error"] is None
    assert not at_home(client) & known


def test_without_the_watch_what_was_heard_comes_back(opened: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StoreWatch, "require_rows", lambda _: None)
    client, known = client_of(opened), heard()
    assert not at_home(client) & known
    lose()
    opened.store.look()
    assert at_home(client) & known


def test_a_service_that_starts_on_a_lost_store_gives_no_first_list(filled: Platform) -> None:
    lose()
    live = LiveFunnel()
    live.refresh()
    desk = Desk(live)
    assert set(asked(client_of(desk)).values()) == {503}
    desk.close()


@pytest.fixture
def seen(opened: Desk, monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """What the service says of its store before each view that is written."""
    write, found = feast_apply._materialise, list[str | None]()

    def noting(*arguments: Any) -> int:
        found.append(opened.store.look())
        return write(*arguments)

    monkeypatch.setattr(feast_apply, "_materialise", noting)
    return found


def test_a_lost_store_is_served_from_when_all_is_written_and_not_before(
    filled: Platform, opened: Desk, seen: list[str | None]
) -> None:
    lose()
    apply_and_materialise(AS_OF)
    assert (seen, opened.store.look()) == ([LOST] * 3, None)


def test_a_day_that_is_written_over_whole_rows_is_served_from_all_the_while(
    filled: Platform, opened: Desk, seen: list[str | None]
) -> None:
    apply_and_materialise(AS_OF, everything=True)
    assert seen == [None] * 3


def test_a_home_of_before_there_were_marks_is_served_as_it_was(filled: Platform, opened: Desk) -> None:
    lose()
    path = filled.home.feast / MATERIALISED
    said = json.loads(path.read_bytes())
    assert said.pop(MARKED) is True
    path.write_text(json.dumps(said))
    assert opened.store.look() is None
    assert set(asked(client_of(opened)).values()) == {200}


@pytest.mark.parametrize("filled", ["sqlite"], indirect=True)
def test_a_store_that_cannot_be_looked_at_is_not_trusted(opened: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> bool:
        raise OSError("gone, says u00001")

    client = client_of(opened)
    with monkeypatch.context() as patch:
        patch.setattr(store_watch, "is_marked", broken)
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["error"]) == (503, UNREADABLE)
        assert set(asked(client).values()) == {503}
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("filled", ["sqlite"], indirect=True)
def test_answers_do_not_look_at_the_store_themselves(opened: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    opened.store.look()
    monkeypatch.setattr(store_watch, "_problem", lambda: pytest.fail("an answer looked at the store"))
    assert set(asked(client_of(opened)).values()) == {200}


def test_a_started_watch_notices_the_loss_and_the_end_of_it_by_itself(opened: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "EVERY_SECONDS", 0.01)
    opened.store.start()
    lose()
    assert _comes(opened.store, LOST)
    apply_and_materialise(AS_OF)
    assert _comes(opened.store, None)


def _comes(store: StoreWatch, problem: str | None) -> bool:
    end = time.monotonic() + 60
    while store.problem != problem and time.monotonic() < end:
        time.sleep(0.02)
    return store.problem == problem
