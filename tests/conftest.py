"""Fixtures every room's tests share: a home of their own, and the real data when it is there."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Each worker of the suite is for one core, and so are the stages it starts; more threads only wait for each other.
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ.setdefault(name, "1")

from segue.home import Home, get_home
from segue.settings import get_settings
from serving.benches.own_redis import own_redis, redis_program


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The loops of whole stages first: begun last, one would keep its worker busy long after the other has nothing left."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """An empty `SEGUE_HOME` for one test."""
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    yield get_home()
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The public research data; its absence fails in CI and skips elsewhere."""
    folder = get_settings().data_dir.resolve()
    if not folder.is_dir():
        message = f"no research data at {folder}: set SEGUE_DATA_DIR to run this test"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    """The address of a Redis server of this test's own."""
    if redis_program() is None:
        message = "no redis-server on this machine: install the package redis-server to run this test"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with own_redis(tmp_path) as address:
        yield address


@pytest.fixture(scope="session")
def java() -> None:
    """Java and pyspark, which only `--engine spark` and the Spark targets need."""
    if shutil.which("java") is None or importlib.util.find_spec("pyspark") is None:
        message = "no Java or no pyspark here: install openjdk-17-jre-headless and run `make spark` to run this test"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
