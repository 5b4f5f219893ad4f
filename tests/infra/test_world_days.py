"""The days of a world: the contract of its files, and that the same options give the same bytes however often it is run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from worlds import SMALL, START, digests, landed

from infra.world.command import run
from infra.world.simulation import make_world
from segue.cli import main
from segue.errors import SegueError
from segue.events import EVENT_COLUMNS, TRACK_COLUMNS, USER_COLUMNS
from segue.home import Home, get_home
from segue.settings import get_settings

TINY: dict[str, Any] = {"start": START, "days": 9, "users": 40, "tracks": 200, "seed": 3}


def run_in(root: Path, **options: Any) -> Home:
    """One run in a home of its own; the settings are left as they were."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGUE_HOME", str(root))
        get_settings.cache_clear()
        run(**(TINY | options))
        home = get_home()
    get_settings.cache_clear()
    return home


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return run_in(tmp_path_factory.mktemp("once"))


@pytest.mark.parametrize(("kind", "columns"), [("events", EVENT_COLUMNS), ("tracks", TRACK_COLUMNS), ("users", USER_COLUMNS)])
def test_landed_files_have_the_columns_and_types_of_the_contract(once: Home, kind: str, columns: dict[str, str]) -> None:
    files = sorted((once.landing / "events" / kind).glob("day=*/world.parquet"))
    assert files[0].parent.name == f"day={START.isoformat()}"
    for file in files:
        assert {field.name: str(field.type) for field in pq.read_schema(file)} == columns


def test_events_land_on_the_day_they_were_received(once: Home) -> None:
    events = landed(once.root, "events").to_pandas()
    assert (events.received_at.dt.strftime("%Y-%m-%d") == events.day.astype(str)).all()
    assert events.day.nunique() == TINY["days"]


def test_running_again_leaves_every_file_untouched(once: Home) -> None:
    def stamps() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in once.landing.rglob("*.parquet")}

    before, bytes_before = stamps(), digests(once.root)
    run_in(once.root)
    assert stamps() == before
    assert digests(once.root) == bytes_before


def test_a_longer_world_begins_with_the_same_days(once: Home, tmp_path: Path) -> None:
    short, longer = digests(once.landing), digests(run_in(tmp_path, days=TINY["days"] + 6).landing)
    assert len(longer) > len(short)
    assert {name: longer[name] for name in short} == short


def test_a_home_can_go_on_from_a_shorter_world(once: Home, tmp_path: Path) -> None:
    run_in(tmp_path, days=4)
    assert digests(run_in(tmp_path).landing) == digests(once.landing)


def test_another_seed_is_another_world(once: Home, tmp_path: Path) -> None:
    other, same = (digests(home.landing / "events" / "events") for home in (run_in(tmp_path, seed=4), once))
    assert not set(other.values()) & set(same.values())


def test_a_second_world_in_one_home_is_refused_and_the_first_stays(once: Home) -> None:
    before = digests(once.root)
    with pytest.raises(SegueError, match="the world that is already landed in this home"):
        run_in(once.root, seed=4)
    assert digests(once.root) == before


def test_a_world_killed_on_the_way_and_run_again_is_an_undisturbed_world(once: Home, tmp_path: Path) -> None:
    options = [f"--{name}={value}" for name, value in TINY.items()]
    environment = os.environ | {"SEGUE_HOME": str(tmp_path)}
    killed = subprocess.Popen([sys.executable, "-m", "segue", "world", *options], env=environment, stderr=subprocess.DEVNULL)
    third_day = tmp_path / "landing" / "events" / "events" / "day=2026-09-23"
    while not third_day.exists() and killed.poll() is None:
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert digests(tmp_path / "landing") != digests(once.landing)
    again = run_in(tmp_path)
    shutil.rmtree(again.root / "runs")  # when the killed command began is no part of the world
    assert digests(again.root) == digests(once.root)


def test_what_a_killed_run_left_half_written_is_swept(once: Home) -> None:
    leftover = once.landing_day("events", "events", START) / ".world.parquet.0123456789abcdef"
    leftover.write_bytes(b"half")
    run_in(once.root)
    assert not leftover.exists()


@pytest.mark.parametrize(
    ("option", "value"), [("days", 0), ("days", -1), ("users", 0), ("users", -5), ("tracks", 3), ("seed", -1)]
)
def test_a_size_that_makes_no_world_is_refused_in_one_sentence(home: Home, option: str, value: int) -> None:
    with pytest.raises(SegueError, match=f"Expected --{option} of at least .*, received {value}: "):
        run(**(TINY | {option: value}))
    assert not home.root.exists()


def test_a_start_outside_the_calendar_is_refused(home: Home) -> None:
    with pytest.raises(SegueError, match="a world between 1970 and 2200"):
        run(**(TINY | {"start": date(9_999, 12, 30)}))


def test_bad_options_leave_with_status_2_and_one_line(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["world", "--days", "0"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "segue world: Expected --days of at least 1, received 0: give a larger --days."
    )


def test_the_sizes_asked_for_are_there_after_eight_weeks() -> None:
    world = make_world(**(SMALL | {"days": 56}))
    assert len(world.listeners.population) == SMALL["users"]
    assert len(world.catalogue.tracks) == SMALL["tracks"]
    assert (world.catalogue.released[1:] >= world.catalogue.released[:-1]).all()
