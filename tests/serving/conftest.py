"""One small platform for all tests of serving: gold tables, the feature store materialised, a release live."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fake_release import make_release
from fastapi.testclient import TestClient
from gold_tables import AS_OF, write_gold
from serving_platform import VERSION, Platform

from infra.mart.feast_apply import apply_and_materialise
from segue import feature_store, playlist_store
from segue.feature_store import open_store
from segue.features import last_materialised
from segue.home import get_home
from segue.online_mark import put_mark
from segue.settings import get_settings
from serving.live.api import Desk
from serving.live.live_funnel import LiveFunnel
from serving.live.short_way import front_of
from serving.live.store_watch import READ
from serving.weekly import batch
from serving.weekly import command as weekly


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    root = tmp_path_factory.mktemp("serving") / "home"
    before = os.environ.get("SEGUE_HOME")
    os.environ["SEGUE_HOME"] = str(root)
    get_settings.cache_clear()
    gold = write_gold(get_home(), users=40, tracks=360)
    apply_and_materialise(AS_OF)
    make_release(VERSION, as_of=AS_OF)
    yield Platform(get_home(), gold)
    os.environ.pop("SEGUE_HOME") if before is None else os.environ.__setitem__("SEGUE_HOME", before)
    get_settings.cache_clear()


@pytest.fixture
def platform(built: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """The platform as it was built: the release live, no week visible, nothing predicted or landed."""
    monkeypatch.setenv("SEGUE_HOME", str(built.home.root))
    get_settings.cache_clear()
    for folder in (built.home.playlists, built.home.predictions, built.home.landing):
        shutil.rmtree(folder, ignore_errors=True)
    pointer = built.home.releases / "current.json"
    kept = pointer.read_bytes()
    yield built
    pointer.write_bytes(kept)
    for folder in (built.home.releases / "bentoml" / "models" / "segue").iterdir():
        if folder.name != VERSION:
            shutil.rmtree(folder)
    get_settings.cache_clear()


@pytest.fixture
def release_folder(platform: Platform) -> Path:
    from segue.release import release_path

    return release_path(platform.version)


_models: dict[str, Any] = {}
_columns: dict[Any, Any] = {}


@pytest.fixture
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same release and the same features are read once for all tests here; a week takes a second then, not four."""
    load_model, week_columns = weekly.load_model, batch.week_columns

    def model(version: str) -> Any:
        if version not in _models:
            _models[version] = load_model(version)
        return _models[version]

    def columns(users: list[str], week: date) -> Any:
        key = (tuple(users), week)
        if key not in _columns:
            _columns[key] = week_columns(users, week)
        return _columns[key]

    monkeypatch.setattr(weekly, "load_model", model)
    monkeypatch.setattr(batch, "week_columns", columns)


@pytest.fixture(scope="module")
def shared_live(built: Platform) -> LiveFunnel:
    return LiveFunnel()


@pytest.fixture
def desk(platform: Platform, shared_live: LiveFunnel) -> Iterator[Desk]:
    shared_live.refresh()
    opened = Desk(shared_live)
    yield opened
    opened.predictions.close()


@pytest.fixture
def client(desk: Desk) -> TestClient:
    return TestClient(front_of(desk), raise_server_exceptions=False)


@pytest.fixture(params=["sqlite", "redis"])
def store_kind(request: pytest.FixtureRequest, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Each kind of online store in turn. Playlists are written over a connection of their own, as by another process."""
    if request.param == "redis":
        monkeypatch.setenv("SEGUE_ONLINE_STORE", "redis")
        monkeypatch.setenv("SEGUE_REDIS_URL", request.getfixturevalue("redis"))
        get_settings.cache_clear()
    feature_store._shared_store.cache_clear()
    writer = open_store()
    put_mark(writer, READ, last_materialised())  # as `segue features` would leave a store without any history
    monkeypatch.setattr(playlist_store, "shared_store", lambda: writer)
    monkeypatch.setattr(playlist_store, "_PER_WRITE", 4)
    yield str(request.param)
    feature_store._shared_store.cache_clear()
