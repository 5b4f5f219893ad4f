"""Hot reload: a new release is swapped in, a refused one changes nothing."""

from __future__ import annotations

import os
import sqlite3
import time
from typing import Any

import pytest
from fake_release import make_release
from fastapi.testclient import TestClient
from serving_platform import Platform
from weekly_runs import make

from segue.errors import SegueError
from segue.live_release import point_back, point_to
from segue.names import Fallback
from serving.funnel import model as model_module
from serving.funnel.funnel import Funnel
from serving.funnel.model import check_features
from serving.live import live_funnel as live_module
from serving.live import watch
from serving.live.api import Desk, make_api
from serving.live.live_funnel import LiveFunnel


def test_a_promoted_release_replaces_the_old_one_in_one_swap(platform: Platform) -> None:
    live = LiveFunnel()
    live.refresh()
    old = live.funnel
    assert live.status.release == "fake-1"
    make_release("fake-2", as_of=platform.gold.as_of)
    live.refresh()
    assert live.status.release == "fake-2"
    assert live.funnel is not old
    point_back(check_features)
    live.refresh()
    assert live.status.release == "fake-1"


def test_a_tampered_release_is_refused_and_the_old_one_goes_on(platform: Platform) -> None:
    live = LiveFunnel()
    live.refresh()
    folder = make_release("fake-2", as_of=platform.gold.as_of, live=False)
    saved = folder / "query_tower" / "saved_model.pb"
    saved.write_bytes(saved.read_bytes() + b"\x00")
    point_to("fake-2")
    live.refresh()
    assert live.funnel is not None
    assert live.funnel.model is not None
    assert live.funnel.model.version == "fake-1"
    assert (live.status.release, live.status.refused) == ("fake-1", "fake-2")
    assert "query_tower/saved_model.pb changed" in str(live.status.reason)


def test_a_release_trained_on_other_features_is_refused(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    live = LiveFunnel()
    monkeypatch.setattr(model_module, "fingerprint", lambda *_: "f" * 64)
    live.refresh()
    assert live.status.release is None
    assert "feature service ffffffffffff" in str(live.status.reason)
    assert live.funnel is not None, "the popular lists need no release"


def test_nothing_is_loaded_again_while_nothing_changes(platform: Platform) -> None:
    live = LiveFunnel()
    live.refresh()
    before = live.funnel
    live.refresh()
    assert live.funnel is before


def _touch_registry(platform: Platform) -> None:
    registry = platform.home.feast / "registry.db"
    os.utime(registry, ns=(registry.stat().st_atime_ns, registry.stat().st_mtime_ns + 1))


def test_a_loaded_release_ranks_no_more_once_the_feature_views_are_others(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveFunnel()
    live.refresh()
    client = TestClient(make_api(Desk(live)))
    assert client.get("/readyz").status_code == 200
    with monkeypatch.context() as changed:
        changed.setattr(model_module, "fingerprint", lambda *_: "f" * 64)
        _touch_registry(platform)
        live.refresh()
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert "feature service ffffffffffff" in ready.json()["error"]
        answer = client.post("/v1/recommend", json={"user_id": "u00001"}).json()
        assert (answer["fallback"], answer["release"], len(answer["tracks"])) == (Fallback.NO_RELEASE, None, 30)
    _touch_registry(platform)
    live.refresh()
    assert client.get("/readyz").status_code == 200, "restored views bring the release back"


def test_a_weekly_list_names_the_release_that_made_it_while_the_live_one_is_loading(
    platform: Platform, read_once: None
) -> None:
    make(platform)
    live = LiveFunnel()
    live.refresh()
    loaded, said = live.funnel, []
    client = TestClient(make_api(Desk(live)))
    for live.funnel in (None, Funnel(None, loaded.catalogue), loaded):  # type: ignore[union-attr]
        answers = [client.get(f"/v1/users/{user}/weekly").json() for user in ("u00001", "stranger")]
        said.append([(answer["fallback"], answer["release"]) for answer in answers])
    nobody, stored = (Fallback.NO_RELEASE, None), (None, "fake-1")
    assert said == [[nobody, nobody], [stored, nobody], [stored, (Fallback.WORLDWIDE, "fake-1")]]


def _fails_once(monkeypatch: pytest.MonkeyPatch, name: str, problem: Exception) -> list[str]:
    """Let one function of the live module raise at its next call and work after it; returns the calls made."""
    works, calls = getattr(live_module, name), []

    def once(*arguments: Any) -> Any:
        calls.append(name)
        if len(calls) == 1:
            raise problem
        return works(*arguments)

    monkeypatch.setattr(live_module, name, once)
    return calls


def test_a_passing_error_is_tried_again_after_a_rest_though_nothing_changed(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, clock = LiveFunnel(), [1_000.0]
    monkeypatch.setattr(live_module.time, "monotonic", lambda: clock[0])
    calls = _fails_once(monkeypatch, "load_catalogue", sqlite3.OperationalError("database is locked"))
    live.refresh()
    assert (live.status.release, live.status.refused) == (None, "fake-1")
    live.refresh()
    assert len(calls) == 1, "it rests first"
    clock[0] += live_module.FIRST_RETRY_SECONDS
    live.refresh()
    assert (live.status.release, live.status.refused) == ("fake-1", None)


def test_a_refusal_is_not_tried_again_while_nothing_changes(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    live, clock = LiveFunnel(), [1_000.0]
    monkeypatch.setattr(live_module.time, "monotonic", lambda: clock[0])
    refusal = SegueError(expected="a table", received="none", mend="write it")
    calls = _fails_once(monkeypatch, "load_catalogue", refusal)
    live.refresh()
    clock[0] += live_module.LAST_RETRY_SECONDS
    live.refresh()
    assert len(calls) == 1
    assert live.status.reason == str(refusal)


@pytest.mark.parametrize("name", ["read_pointer", "stamp"])
def test_the_watch_outlives_a_pointer_or_a_table_that_cannot_be_looked_at(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(watch, "EVERY_SECONDS", 0.01)
    _fails_once(monkeypatch, name, OSError("gone for a moment"))
    live = LiveFunnel()
    live.start()
    try:
        end = time.monotonic() + 60
        while live.status.release is None and live._watch._thread.is_alive() and time.monotonic() < end:
            time.sleep(0.02)
    finally:
        live.stop()
        live._watch._thread.join()
    assert live.status == live_module.Status(release="fake-1")
