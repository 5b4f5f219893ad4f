"""A pointer that cannot be read is one that is not there, to who asks for a list; operators are told why."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from fake_release import make_release
from fastapi.testclient import TestClient
from serving_platform import Platform

from segue.cli import main
from segue.feature_store import _shared_store
from segue.playlists import VisibleWeek, show_week
from segue.settings import get_settings
from serving.live import shown_week
from serving.live.api import Desk
from serving.live.live_funnel import LiveFunnel
from serving.live.metrics import exposition
from serving.live.short_way import front_of

WEEKLY = "/v1/users/u00001/weekly"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown_week.SHOWN, "problem", None)


def unreadable_readings() -> float:
    name = b"segue_unreadable_week_pointers_total "
    (line,) = [line for line in exposition()[0].splitlines() if line.startswith(name)]
    return float(line.removeprefix(name))


def test_a_damaged_week_gives_the_popular_and_a_sentence_at_readyz_and_both_end_with_it(
    platform: Platform, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    pointer, counted = platform.home.playlists / "visible.json", unreadable_readings()
    assert client.get("/readyz").status_code == 200
    pointer.parent.mkdir(parents=True, exist_ok=True)
    pointer.write_text("garbage")
    with caplog.at_level(logging.WARNING, logger="bentoml.segue"):
        for path in (WEEKLY, WEEKLY, f"{WEEKLY}?explain=true"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["week"]) == (200, None)
            assert len(answer.json()["tracks"]) > 0
            assert answer.json()["fallback"] == "popular-in-territory"
    assert sum(str(pointer) in record.message for record in caplog.records) == 1
    assert unreadable_readings() >= counted + 3
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["ready"], ready.json()["week"]) == (503, False, None)
    assert ready.json()["error"].startswith(f"Expected the pointer to the visible week at {pointer}, received a file")
    show_week(
        VisibleWeek(week=platform.week, release=platform.version, published_at=datetime(2026, 11, 16, tzinfo=UTC), users=1)
    )
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["week"]) == (200, platform.week.isoformat())


def test_a_damaged_release_pointer_changes_nothing_but_the_reason(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    live, pointer = LiveFunnel(), platform.home.releases / "current.json"
    live.refresh()
    funnel, whole = live.funnel, pointer.read_bytes()
    pointer.write_text("{")
    with caplog.at_level(logging.WARNING, logger="bentoml.segue"):
        live.refresh()
        live.refresh()
    assert live.funnel is funnel
    assert live.status.release == platform.version
    assert str(pointer) in str(live.status.reason)
    assert [record.levelname for record in caplog.records if str(pointer) in record.getMessage()] == ["WARNING"]
    pointer.write_bytes(whole)
    live.refresh()
    assert live.status.reason is None
    make_release("fake-2", as_of=platform.gold.as_of)
    live.refresh()
    assert live.status.release == "fake-2"


def test_a_service_that_begins_with_a_damaged_release_pointer_gives_the_popular_and_says_why(platform: Platform) -> None:
    pointer = platform.home.releases / "current.json"
    pointer.write_text("{")
    live = LiveFunnel()
    live.refresh()
    desk = Desk(live)
    client = TestClient(front_of(desk), raise_server_exceptions=False)
    try:
        answer = client.get(WEEKLY).json()
        assert (answer["fallback"], len(answer["tracks"])) == ("no-release", 30)
        ready = client.get("/readyz")
    finally:
        desk.predictions.close()
    assert ready.status_code == 503
    assert f"the pointer to the live release at {pointer}" in ready.json()["error"]


def test_a_command_on_a_dead_redis_is_one_sentence(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    show_week(
        VisibleWeek(week=platform.week, release=platform.version, published_at=datetime(2026, 11, 16, tzinfo=UTC), users=1)
    )
    monkeypatch.setenv("SEGUE_ONLINE_STORE", "redis")
    monkeypatch.setenv("SEGUE_REDIS_URL", "127.0.0.1:1")
    get_settings.cache_clear()
    _shared_store.cache_clear()
    try:
        assert main(["playlist", "u00001"]) == 2
    finally:
        _shared_store.cache_clear()
    said = capsys.readouterr().err
    assert said.splitlines()[-1].startswith(
        "segue playlist: Expected an answer from the online store, Redis at SEGUE_REDIS_URL"
    )
