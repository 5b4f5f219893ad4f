"""Settings come from the environment, safe by default; every path lies under the home."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from segue.errors import SegueError
from segue.home import Home, get_home
from segue.settings import Settings, get_settings


def test_nothing_listens_beyond_this_machine_by_default() -> None:
    defaults = Settings()
    assert defaults.serve_host == "127.0.0.1"
    assert defaults.smtp_host == "127.0.0.1"


def test_no_secret_has_a_default_and_none_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, field in Settings.model_fields.items():
        if "SecretStr" in str(field.annotation):
            assert field.default is None, name
    monkeypatch.setenv("SEGUE_SMTP_PASSWORD", "hunter2")
    monkeypatch.setenv("SEGUE_REDIS_URL", "127.0.0.1:6379,password=hunter2")
    assert "hunter2" not in repr(Settings())
    assert Settings().smtp_password == SecretStr("hunter2")


def test_the_environment_is_read_on_first_use_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    get_settings.cache_clear()
    monkeypatch.setenv("SEGUE_SEED", "5")
    assert get_settings().seed == 5
    monkeypatch.setenv("SEGUE_SEED", "6")
    assert get_settings().seed == 5
    get_settings.cache_clear()
    assert get_settings().seed == 6
    get_settings.cache_clear()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SEGUE_ONLINE_STORE", "etcd"),
        ("SEGUE_HOLDOUT_DAYS", "0"),
        ("SEGUE_SERVE_WORKERS", "none"),
        ("SEGUE_SMTP_SECURITY", "ssl"),
        ("SEGUE_TASK_HOURS", "0"),
        ("SEGUE_MART_MEMORY", "lots"),
        ("SEGUE_MART_THREADS", "0"),
    ],
)
def test_a_setting_out_of_bounds_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.removeprefix("SEGUE_").lower()):
        Settings()


def test_every_wrong_setting_is_named_and_no_secret_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_SERVE_WORKERS", "0")
    monkeypatch.setenv("SEGUE_SMTP_PORT", "smtp")
    monkeypatch.setenv("SEGUE_SMTP_PASSWORD", "hunter2")
    get_settings.cache_clear()
    with pytest.raises(SegueError, match="SEGUE_SERVE_WORKERS") as refused:
        get_settings()
    assert "correct or unset SEGUE_SERVE_WORKERS and SEGUE_SMTP_PORT" in str(refused.value)
    assert "hunter2" not in str(refused.value)
    get_settings.cache_clear()


def test_every_path_lies_under_the_home(home: Home) -> None:
    names = [name for name, member in vars(Home).items() if isinstance(member, property)]
    assert all(getattr(home, name).is_relative_to(home.root) for name in names)
    assert home.landing_day("events", "tracks", date(2026, 11, 1)) == home.landing / "events" / "tracks" / "day=2026-11-01"
    assert home.table("labels") == home.features / "labels"
    assert not home.root.exists()


def test_a_relative_home_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEGUE_HOME", "var")
    monkeypatch.chdir(tmp_path)
    get_settings.cache_clear()
    assert get_home().root == tmp_path / "var"
    get_settings.cache_clear()
