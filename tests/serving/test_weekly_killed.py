"""What a run leaves that is killed with SIGKILL: files that name listeners, until the next run of whatever week sweeps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from serving_platform import Platform
from weekly_runs import make

from segue.errors import SegueError
from serving.weekly import command as weekly

pytestmark = pytest.mark.usefixtures("read_once")

OTHER_RUN = """
from contextlib import ExitStack
from datetime import date
from segue.atomic import replacing_file
from segue.home import get_home
from segue.lock import locked
from segue.playlists import stored_folder
from serving.weekly.staging import pieces_folder, staged_path

week, release, home = date(2026, 11, 9), "another", get_home()
with ExitStack() as held:
    held.enter_context(locked(home.playlists / ".lock", what="`segue playlists`"))
    for target in (
        staged_path(week, release),
        pieces_folder(week, release) / "piece-000000.parquet",
        home.predictions / f"day={week}" / f"weekly-{release}.jsonl",
        stored_folder(f"{week}/{release}@0") / "users-0.parquet",
    ):
        held.enter_context(replacing_file(target)).write_text("u00001")
    staged_path(week, "a third").write_text("u00001")
    print("at work", flush=True)
    input()
"""


@contextmanager
def at_work(platform: Platform) -> Iterator[None]:
    """Another run, with every file half written; killed at the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER_RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline()
        yield
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()


def left(platform: Platform) -> list[Path]:
    """Every file that says what the other run wrote."""
    home = platform.home
    files = [path for folder in (home.tmp, home.predictions, home.playlists) for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if path.read_bytes() == b"u00001"]


def test_what_a_killed_run_of_another_week_and_release_left_is_gone_after_the_next_run(platform: Platform) -> None:
    with at_work(platform):
        pass
    assert len(left(platform)) == 5
    (platform.home.tmp / "train.lock").touch()
    assert make(platform).exit_code == 0
    assert left(platform) == []
    assert [path.name for path in platform.home.tmp.iterdir()] == ["train.lock"], "what others have there is theirs"
    (platform.home.tmp / "train.lock").unlink()


def test_what_a_run_at_work_holds_is_left_alone(platform: Platform) -> None:
    with at_work(platform):
        with pytest.raises(SegueError, match="one `segue playlists` at a time"):
            make(platform)
        assert len(left(platform)) == 5
    weekly.sweep()


def test_a_run_that_does_not_sweep_is_noticed(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    with at_work(platform):
        pass
    with monkeypatch.context() as context:
        context.setattr(weekly, "sweep", lambda: None)
        make(platform)
    assert len(left(platform)) == 4, "only whom the store held goes with an older week by itself"
    weekly.sweep()
    assert left(platform) == []
