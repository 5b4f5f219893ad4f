"""A mart built day by day, with late and changed files, is the mart built at once; killed builds included."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mart_homes import Rows, assert_same, copied, day, event, exported, gold, land_lines, query, simulate, warehouse

from infra.mart import build
from segue.home import Home
from segue.settings import get_settings

LAST = day(7)


@dataclass
class Histories:
    """The same landing, absorbed day by day and at once."""

    after_three_days: Home
    step_by_step: Home
    at_once: Home
    expected: Rows


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Histories]:
    root = tmp_path_factory.mktemp("histories")
    with pytest.MonkeyPatch.context() as patch:
        home = simulate(root / "steps", patch, days=8)
        _land_surprises(home)
        gold(home, day(2))
        early = copied(home, root / "early")
        live = land_lines(home, "live.jsonl", day(5), [event(1, "u0000001", "t00000001", f"{day(5)}T10:00:00Z", ms_played=9)])
        gold(home, day(5))
        land_lines(home, live.name, day(5), ["{torn", event(2, "u0000001", "t00000002", f"{day(0)}T23:50:00Z", ms_played=9)])
        gold(home, LAST)
        for late in (early,):
            shutil.copytree(home.landing, late.landing, dirs_exist_ok=True)
        fresh = Home(root / "fresh")
        shutil.copytree(home.landing, fresh.landing)
        gold(fresh, LAST)
        yield Histories(early, home, fresh, warehouse(fresh))
    get_settings.cache_clear()


def _land_surprises(home: Home) -> None:
    """What a catalogue and accounts do later: a track listened to before it is listed, changed attributes, a moved user."""
    land_lines(home, "a.jsonl", day(1), [event(10, "u0000002", "late-track", f"{day(1)}T08:00:00Z", ms_played=200_000)])
    catalogue = [
        {"track_id": "late-track", "duration_ms": 210_000, "genre": "jazz"},
        {"track_id": "t00000003", "genre": "jazz"},
    ]
    land_lines(home, "a.jsonl", day(4), catalogue, kind="tracks")
    land_lines(home, "a.jsonl", day(6), [{"user_id": "u0000002", "territory": "SE"}], kind="users")
    pre_save = event(12, "u0000002", "pre-saved", f"{day(-26)}T08:00:00Z") | {"event_type": "save"}
    land_lines(home, "a.jsonl", day(-26), [pre_save])
    land_lines(home, "b.jsonl", day(3), [{"track_id": "pre-saved"}], kind="tracks")
    land_lines(home, "a.jsonl", day(3), [event(13, "u0000002", "pre-saved", f"{day(3)}T08:00:00Z")])
    same = event(11, "u0000003", "t00000004", f"{day(5)}T08:00:00Z", ms_played=5)
    land_lines(home, "b.jsonl", day(5), [same])
    land_lines(home, "b.jsonl", day(6), [same | {"occurred_at": f"{day(1)}T08:00:00Z"}])


def test_day_by_day_gives_the_tables_of_a_build_at_once(histories: Histories) -> None:
    assert_same(warehouse(histories.step_by_step), histories.expected)


def test_day_by_day_exports_the_files_of_a_build_at_once(histories: Histories) -> None:
    assert_same(exported(histories.step_by_step), exported(histories.at_once))


def test_the_surprises_of_this_history_are_in_its_tables(histories: Histories) -> None:
    home = histories.at_once
    assert query(home, "select genre from gold.tracks where track_id = 't00000003'") == [("jazz",)]
    assert query(home, "select outcome from gold.labels where track_id = 'late-track'") == [("complete",)]
    moved = query(home, "select territory = 'SE' from gold.user_features where user_id = 'u0000002' order by day desc limit 3")
    assert moved == [(True,), (True,), (False,)]
    assert query(home, "select territory from gold.users where user_id = 'u0000002'") == [("SE",)]
    assert query(home, "select count(*) from gold.rejected_listens where reason = 'malformed_json'") == [(1,)]
    assert query(home, "select day from gold.labels where listen_id = 'e11'") == [(day(5),)]
    rates = query(home, "select save_rate_30d from gold.track_features where track_id = 'pre-saved' order by day limit 3")
    assert rates == [(1.0,), (0.0,), (0.0,)]
    assert query(home, "select first_day from silver.changes order by run_number")[0][0] < day(0)


def test_the_same_day_again_changes_no_table_and_rewrites_no_old_day(histories: Histories, tmp_path: Path) -> None:
    home = copied(histories.step_by_step, tmp_path / "again")
    old = home.features / "user_features" / f"day={day(3)}" / "data.parquet"
    before = old.stat().st_mtime_ns
    gold(home, LAST)
    assert_same(warehouse(home), histories.expected)
    assert old.stat().st_mtime_ns == before


def test_an_earlier_day_again_is_the_mart_of_that_day(histories: Histories, tmp_path: Path) -> None:
    home, fresh = copied(histories.step_by_step, tmp_path / "back"), Home(tmp_path / "fresh")
    shutil.copytree(home.landing, fresh.landing)
    gold(home, day(5))
    gold(fresh, day(5))
    assert_same(warehouse(home), warehouse(fresh))
    assert_same(exported(home), exported(fresh))


def test_a_mart_that_forgets_late_events_is_noticed(
    histories: Histories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "dbt"
    shutil.copytree(build.PROJECT, broken)
    changes = broken / "models" / "silver" / "changes.sql"
    changes.write_text(changes.read_text().replace("min(day) as first_day", "max(as_of) - 1 as first_day"))
    monkeypatch.setattr(build, "PROJECT", broken)
    monkeypatch.setattr(
        build, "_fingerprint", lambda: (histories.after_three_days.warehouse.parent / "made-by.sha256").read_text()
    )
    home = copied(histories.after_three_days, tmp_path / "home")
    gold(home, LAST)
    with pytest.raises(AssertionError):
        assert_same(warehouse(home), histories.expected)


def test_a_mart_built_in_buckets_of_users_is_the_mart_built_at_once(
    histories: Histories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "dbt"
    shutil.copytree(build.PROJECT, project)
    models = [path for path in sorted(project.rglob("models/**/*.sql")) if "in_buckets=" in path.read_text()]
    for path in models:
        path.write_text(re.sub(r"'listens': \d+", "'listens': 300", path.read_text()))
    monkeypatch.setattr(build, "PROJECT", project)
    home = Home(tmp_path / "home")
    shutil.copytree(histories.at_once.landing, home.landing)
    assert gold(home, day(2))["dbt"]["full_refresh"] is True
    assert gold(home, LAST)["dbt"]["full_refresh"] is False
    executed = build._target(home) / "run" / "segue" / "models"
    for path in models:
        assert "set variable bucket = 2" in (executed / path.relative_to(project / "models")).read_text()
    assert {path.stem for path in models} == {"user_habits", "user_recent_tracks", "user_history"}
    assert_same(warehouse(home), histories.expected)


@pytest.mark.parametrize("model", ["stg_events", "checked_events", "labels"])
def test_a_build_killed_after_a_model_and_run_again_gives_the_tables_of_an_undisturbed_one(
    histories: Histories, tmp_path: Path, model: str
) -> None:
    home = copied(histories.after_three_days, tmp_path / "home")
    _kill_after(home, model)
    assert query(home, "select max(as_of) from gold.loaded_files") == [(day(2),)]
    gold(home, LAST)
    assert_same(warehouse(home), histories.expected)


def _kill_after(home: Home, model: str) -> None:
    """Run the build in a process of its own and end it with SIGKILL once dbt's log says the model was made."""
    log = home.logs / "dbt" / "dbt.log"
    log.unlink(missing_ok=True)
    script = "\n".join(
        [
            "import sys",
            f"sys.path[:0] = {[str(Path(__file__).parent), str(build.PROJECT.parent)]!r}",
            "from datetime import date",
            "from pathlib import Path",
            "from mart_homes import gold",
            "from segue.home import Home",
            "gold(Home(Path(sys.argv[1])), date.fromisoformat(sys.argv[2]))",
        ]
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(home.root), LAST.isoformat()],
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not (log.exists() and _was_made(log.read_text(), model)):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the build ended before it could be killed"


def _was_made(log: str, model: str) -> bool:
    return any(f".{model} " in line and " OK created" in line for line in log.splitlines())
