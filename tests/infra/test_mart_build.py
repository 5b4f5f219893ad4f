"""The dbt build takes any home and the settings of the mart."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from infra.mart.build import _environment
from infra.mart.command import make_gold
from infra.world.command import run as make_world
from segue.home import Home, get_home
from segue.settings import get_settings
from segue.stage import Progress


@pytest.fixture
def odd_home(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose name SQL and shells would stumble over."""
    monkeypatch.setenv("SEGUE_HOME", str(home.root.parent / 'Ana\'s "own" home; drop'))
    get_settings.cache_clear()
    return get_home()


def test_a_home_may_have_any_name(odd_home: Home) -> None:
    make_world(start=date(2026, 9, 21), days=2, users=20, tracks=60, seed=1)
    assert make_gold(odd_home, date(2026, 9, 22), Progress("test"))["rows"]["labels"] > 0


def test_the_settings_of_the_mart_reach_dbt_and_leave_with_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_MART_MEMORY", "512MB")
    monkeypatch.delenv("SEGUE_MART_THREADS", raising=False)
    get_settings.cache_clear()
    with _environment(home, Path("inventory.parquet")):
        assert (os.environ["SEGUE_MART_MEMORY"], os.environ["SEGUE_MART_THREADS"]) == ("512MB", "2")
    assert os.environ["SEGUE_MART_MEMORY"] == "512MB"
    assert "SEGUE_MART_THREADS" not in os.environ
