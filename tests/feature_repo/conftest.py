"""A home whose gold tables were applied and materialised, once for all tests that only read it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from feature_readings import DAYS, LEFT
from gold_tables import AS_OF, Gold, write_gold

from infra.mart.feast_apply import apply_and_materialise
from segue.home import Home, get_home
from segue.settings import get_settings


@pytest.fixture(scope="session")
def served_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Gold]]:
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGUE_HOME", str(folder))
        get_settings.cache_clear()
        gold = write_gold(get_home(), users=24, tracks=48, days=DAYS, away={LEFT: (3, DAYS)})
        apply_and_materialise(AS_OF)
    get_settings.cache_clear()
    return folder, gold


@pytest.fixture
def served(served_folder: tuple[Path, Gold], monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Home, Gold]]:
    """The shared home and its gold; a test that writes takes the fixture `home` instead."""
    folder, gold = served_folder
    monkeypatch.setenv("SEGUE_HOME", str(folder))
    get_settings.cache_clear()
    yield get_home(), gold
    get_settings.cache_clear()


@pytest.fixture(params=["sqlite", "redis"])
def store_kind(request: pytest.FixtureRequest, home: Home, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each kind of online store in turn, empty, as the one of this test's home."""
    if request.param == "redis":
        monkeypatch.setenv("SEGUE_ONLINE_STORE", "redis")
        monkeypatch.setenv("SEGUE_REDIS_URL", request.getfixturevalue("redis"))
        get_settings.cache_clear()
    return str(request.param)
