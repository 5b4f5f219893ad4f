"""One monitored home for all tests of a file, and a release that differs in what a test says."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
from monitored_home import AS_OF, log_answers, monitored, seal

from infra import mailbox
from monitoring import samples
from segue.dates import start_of
from segue.home import Home, get_home
from segue.live_release import point_to
from segue.release import release_path
from segue.settings import get_settings


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """One home for all tests here; each puts back what it changes. Release `same` has this very week as its reference."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGUE_HOME", str(tmp_path_factory.mktemp("monitored")))
        get_settings.cache_clear()
        home = get_home()
        monitored(home)
        with mailbox.running(home.mail) as port:
            patch.setenv("SEGUE_SMTP_PORT", str(port))
            get_settings.cache_clear()
            yield home
    get_settings.cache_clear()


@pytest.fixture
def live(platform: Home) -> Iterator[Callable[..., str]]:
    """Make a release live that is as it should be but for what a test changes; nothing of it stays."""
    made: list[str] = []

    def release(version: str, **changes: object) -> str:
        made.append(version)
        seal(version, week_end=AS_OF, **changes)  # type: ignore[arg-type]
        point_to(version, at=start_of(AS_OF))
        log_answers(platform, version, AS_OF)
        return version

    yield release
    for version in made:
        shutil.rmtree(release_path(version))
        (platform.predictions / f"day={AS_OF}" / f"weekly-{version}.jsonl").unlink(missing_ok=True)
    (platform.releases / "current.json").unlink(missing_ok=True)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare four features instead of all, which takes a tenth of the time, where a test is about something else."""
    whole = samples.flat
    kept = ["genre", "plays_7d", "tempo", "territory"]
    monkeypatch.setattr(samples, "flat", lambda frame: whole(frame)[kept])
