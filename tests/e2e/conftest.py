"""One undisturbed loop for the whole session: the small world every end-to-end test looks at."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import mailbox
from segue.home import Home
from segue.settings import get_settings

sys.path.insert(0, str(Path(__file__).parent))

from loop import STAGES, Loop


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    """The loop run once from the world to the e-mail, nothing in its way."""
    root = tmp_path_factory.mktemp("undisturbed")
    with mailbox.running(root / "mail") as port:
        loop = Loop(root / "home", smtp_port=port)
        for stage in STAGES:
            loop.run(stage)
        yield loop


@pytest.fixture
def in_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """A function that makes this process look at a home: `in_home(path)` returns its Home."""

    def look_at(path: Path) -> Home:
        monkeypatch.setitem(os.environ, "SEGUE_HOME", str(path))
        get_settings.cache_clear()
        return Home(path)

    yield look_at
    get_settings.cache_clear()
