"""The weekly batch on Spark: whatever is killed, a week is what the local engine makes."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from serving_platform import Platform
from spark_sessions import session_of
from weekly_runs import key_of

from segue.dates import as_of_for_week
from segue.errors import SegueError
from segue.features import delete_playlists, playlist_row
from segue.home import get_home
from serving.funnel.funnel import Funnel
from serving.tracks.gold_catalogue import load_catalogue
from serving.weekly import batch, spark_engine
from serving.weekly import command as weekly
from serving.weekly.spark_engine import _require_each_once, pieces

WIDTH = 8
"""Users scored together here: 40 users are 5 pieces."""


@pytest.fixture(scope="module")
def session(java: None) -> Iterator[Any]:
    """A cluster of one executor of one core, a process of its own that can be killed."""
    with session_of("local-cluster[1,1,1024]", {"spark.executor.memory": "512m"}) as session:
        yield session


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "BATCH", WIDTH)
    monkeypatch.setattr(spark_engine, "_GROUPS_PER_TASK", 1)


def kill_executor() -> None:
    """End the Java process that this one works for, with all that it had begun."""
    daemon = Path(f"/proc/{os.getppid()}/stat").read_text()
    os.kill(int(daemon.rpartition(")")[2].split()[1]), signal.SIGKILL)


def kill_worker() -> None:
    """End this process alone; Spark runs the task again."""
    os.kill(os.getpid(), signal.SIGKILL)


def the_week(platform: Platform) -> dict[str, Any]:
    """Every stored playlist by user, and the log of the week to the byte."""
    key = key_of(platform, platform.version)
    users = weekly._known_users(platform.week)
    logged = (get_home().predictions / f"day={platform.week}" / f"weekly-{platform.version}.jsonl").read_bytes()
    return {"rows": {user: playlist_row(user, key) for user in users}, "log": logged, "key": key}


def forget(platform: Platform) -> None:
    """Take the week out of the store, so that what is read next was written since."""
    delete_playlists(weekly._known_users(platform.week), key_of(platform, platform.version))


@pytest.mark.usefixtures("small_batches")
def test_executors_killed_while_they_score_and_while_they_store_leave_the_week_of_the_local_engine(
    platform: Platform, session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = weekly.run(week=platform.week, engine="local")
    expected = the_week(platform)
    forget(platform)
    assert set(the_week(platform)["rows"].values()) == {None}
    monkeypatch.setattr(spark_engine, "score_pieces", dying_before(spark_engine.score_pieces, tmp_path / "scored"))
    monkeypatch.setattr(spark_engine, "store_groups", dying_after(spark_engine.store_groups, tmp_path / "stored"))
    spark = weekly.run(week=platform.week, engine="spark")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scored", "stored"]  # each killed once
    assert the_week(platform) == expected
    same = ("digest", "users", "fallbacks", "sources", "shown")
    assert {name: spark.summary[name] for name in same} == {name: local.summary[name] for name in same}
    assert list(get_home().tmp.glob("playlists-*")) == []


def dying_before(score: Callable[..., Any], once: Path) -> Callable[..., Any]:
    """`score`, whose executor is killed once while it writes: what it leaves behind is no playlist. An executor cannot import
    this file, so the function goes along."""
    end = by_value(kill_executor)

    def dies(job: Any, batches: Any) -> Any:
        if not once.exists():
            once.touch()
            job.folder.mkdir(parents=True, exist_ok=True)
            for left_behind in ("piece-000000.parquet", ".piece-000000.parquet.half"):
                (job.folder / left_behind).write_text("half a piece")
            end()
        yield from score(job, batches)

    return dies


def dying_after(store: Callable[..., Any], once: Path) -> Callable[..., Any]:
    """`store`, killed once when rows are in the store and nobody knows yet."""
    end = by_value(kill_worker)

    def dies(key: str, job: Any, batches: Any) -> Any:
        for receipt in store(key, job, batches):
            if not once.exists():
                once.touch()
                end()
            yield receipt

    return dies


@pytest.mark.parametrize("receipts", [[(0, 8)], [(0, 8), (1, 8), (1, 8)], [(0, 8), (1, 7)]])
def test_a_piece_missing_doubled_or_short_is_refused(receipts: list[tuple[int, int]]) -> None:
    with pytest.raises(SegueError, match="one receipt for each of 2 pieces, 16 playlists"):
        _require_each_once({0: 8, 1: 8}, receipts)


@pytest.mark.parametrize(
    ("users", "width", "cores"),
    [(42, 8, 2), (12_345, 256, 2), (12_345, 256, 64), (52_345, 256, 2), (212_345, 256, 1), (5, 256, 2), (0, 256, 2)],
)
def test_pieces_hold_every_user_once_and_cut_only_where_the_local_engine_does(users: int, width: int, cores: int) -> None:
    names = [str(number) for number in range(users)]
    cut = pieces(names, width, cores)
    assert [name for piece in cut for name in piece] == names
    local = {block + first for block in range(0, users, batch.BLOCK) for first in range(0, batch.BLOCK, width)}
    assert {int(piece[0]) for piece in cut} <= local
    assert all(piece[0] and len(piece) <= batch.READ for piece in cut)


@pytest.mark.parametrize(("users", "cores", "most"), [(400_000, 2, batch.READ), (50_000, 2, 10_000), (19_000, 2, 4_608)])
def test_a_piece_is_as_many_users_as_are_read_together_while_every_core_has_two(users: int, cores: int, most: int) -> None:
    cut = pieces([str(number) for number in range(users)], 256, cores)
    assert max(len(piece) for piece in cut) == most
    assert len(cut) >= 2 * cores


def test_a_list_is_the_same_whoever_is_read_beside_it(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing count in the same read made floats of everybody's counts in the log."""
    monkeypatch.setattr(batch, "BATCH", WIDTH)
    funnel = Funnel(weekly.load_model(platform.version), load_catalogue(as_of_for_week(platform.week)))
    users = weekly._known_users(platform.week)
    whole = [row for rows in batch.week_rows(funnel, users, platform.week) for row in rows]
    alone = [row for some in pieces(users, WIDTH, 2) for rows in batch.week_rows(funnel, some, platform.week) for row in rows]
    assert json.dumps(alone) == json.dumps(whole)


def by_value(function: Any) -> Any:
    """The function as a task can take it along: this module is none that an executor could import."""
    from pyspark import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[function.__module__])
    return function
