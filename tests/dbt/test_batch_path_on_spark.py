"""The whole batch path on Spark: from the same landing the gold of DuckDB, table by table, and by the same release the weekly
playlists of the local engine, to the byte."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gold_twins import KEYS, Gold, differences, exported_gold, exported_types
from landed_by_hand import AS_OF, NOON
from mart_homes import day, event, land_lines
from spark_twins import KEY_TWICE, Twins, look_at, quick_session, twin_homes
from week_twins import Week, live_release, make_week, week_differences

from infra.mart import build, inventory, spark
from infra.mart.export import STAMP
from infra.mart.spark_landing import lay_views
from segue.errors import SegueError
from segue.home import Home
from segue.names import Table
from segue.settings import get_settings
from serving.funnel.model import one_thread_each
from serving.weekly import batch

pytestmark = pytest.mark.e2e
WIDTH = 8
"""Users scored together here: several pieces for Spark, cut where the local engine cuts."""


@pytest.fixture(scope="module")
def session(java: None) -> Iterator[Any]:
    with quick_session() as session:
        yield session


@pytest.fixture(scope="module")
def twins(session: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("elsewhere"))
        yield twin_homes(tmp_path_factory.mktemp("twins"), patch)
    get_settings.cache_clear()


@pytest.fixture(scope="module")
def weeks(twins: Twins, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Week, Week]]:
    """The week in both homes, by a release that was trained in the first and copied to the second."""
    kept = tmp_path_factory.mktemp("staged")
    one_thread_each()  # as Spark's tasks have it
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGUE_HOLDOUT_DAYS", "4")
        patch.setattr(batch, "BATCH", WIDTH)
        look_at(twins.duckdb, patch, engine="duckdb")
        live_release()
        local = make_week("local", kept / "local.parquet")
        for folder in ("releases", "secrets"):  # the secret that makes pseudonyms of a log
            shutil.copytree(twins.duckdb.root / folder, twins.spark.root / folder)
        look_at(twins.spark, patch, engine="spark")
        yield local, make_week("spark", kept / "spark.parquet")


@pytest.fixture(scope="module")
def duckdb_gold(twins: Twins) -> Gold:
    return exported_gold(twins.duckdb)


def test_spark_makes_the_gold_that_duckdb_makes(twins: Twins, duckdb_gold: Gold) -> None:
    assert all(duckdb_gold.values())
    place = f"rejected_listens ('events/events/day={day(3)}/odd.jsonl', "
    assert differences(duckdb_gold, exported_gold(twins.spark)) == [
        f"{place}'malformed_json', {KEY_TWICE!r}): 0 rows expected, 1 found",
        f"{place}'unknown_track', {KEY_TWICE!r}): 1 rows expected, 0 found",
    ]
    assert exported_types(twins.spark) == exported_types(twins.duckdb)
    for told in ("rows", "doubted", "first_day", "last_day"):
        assert twins.summaries[1][told] == twins.summaries[0][told]
    models = [set(summary["dbt"]["seconds"]) for summary in twins.summaries]
    assert models[0] == models[1]
    assert twins.summaries[1]["dbt"]["tests"] == twins.summaries[0]["dbt"]["tests"]


def test_everything_lies_in_the_home_and_the_next_build_on_duckdb_exports_it_all(twins: Twins) -> None:
    assert list(Path.cwd().iterdir()) == []
    assert not (twins.spark.features / STAMP).exists()
    assert not twins.spark.warehouse.exists()


def test_spark_makes_the_playlists_that_the_local_engine_makes_from_duckdbs_gold(weeks: tuple[Week, Week]) -> None:
    local, spark = weeks
    personal = [row for row in local.rows if row["features"] is not None]
    assert len(personal) > 2 * WIDTH
    assert any(min(row["propensities"]) < 1 for row in personal), "no list explores"
    assert week_differences(local.rows, spark.rows) == []
    assert spark.staged == local.staged
    assert all(local.stored.values())
    assert spark == local


def test_a_changed_row_of_gold_is_seen_in_gold_and_in_the_list_of_its_listener(
    twins: Twins, weeks: tuple[Week, Week], duckdb_gold: Gold, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local, _ = weeks
    user = next(row["user_id"] for row in local.rows if row["features"] is not None)
    look_at(twins.spark, monkeypatch, engine="duckdb")  # and the features of one engine are read by the other
    with more_plays(twins.spark, user):
        gold = [line for line in differences(duckdb_gold, exported_gold(twins.spark)) if "rejected_listens" not in line]
        changed = make_week("local", tmp_path / "changed.parquet")
    assert len(gold) == 1
    assert user in gold[0]
    assert "plays_30d" in gold[0]
    found = week_differences(local.rows, changed.rows)
    assert {f"{user}: features", f"{user}: scores"} <= set(found)
    assert all(line.startswith(f"{user}: ") for line in found)
    assert changed.staged != local.staged
    assert changed.log != local.log


@contextmanager
def more_plays(home: Home, user: str) -> Iterator[None]:
    """One number of one listener in gold, other than it was."""
    (file,) = (home.table(Table.USER_FEATURES) / f"day={AS_OF}").glob("*.parquet")
    kept, table = file.read_bytes(), pq.read_table(file)
    plays = [n + 50 * (who == user) for who, n in zip(*(table[c].to_pylist() for c in ("user_id", "plays_30d")), strict=True)]
    place = table.schema.get_field_index("plays_30d")
    pq.write_table(table.set_column(place, table.schema.field(place), pa.array(plays, pa.int64())), file)
    try:
        yield
    finally:
        file.write_bytes(kept)


@pytest.fixture(scope="module")
def some_gold(duckdb_gold: Gold) -> Gold:
    return {table: rows[:30] for table, rows in duckdb_gold.items()}


@pytest.mark.parametrize("table", list(Table))
def test_a_row_that_is_missing_or_twice_is_seen(table: Table, some_gold: Gold) -> None:
    first, *others = some_gold[table]
    assert len(differences(some_gold, some_gold | {table: others})) == 1
    assert len(differences(some_gold, some_gold | {table: [first, first, *others]})) == 1


@pytest.mark.parametrize("table", list(Table))
def test_a_value_that_changed_is_seen_in_every_column(table: Table, some_gold: Gold) -> None:
    *others, last = some_gold[table]
    for name in last.keys() - set(KEYS[table]):
        (line,) = differences(some_gold, some_gold | {table: [*others, last | {name: other_than(last[name])}]})
        assert f": {name} " in line


def other_than(value: Any) -> Any:
    """Another value, as near as the comparison has to see."""
    match value:
        case None:
            return 0
        case bool():
            return not value
        case float():
            return math.nextafter(value, math.inf)
        case int():
            return value + 1
        case datetime():
            return value + timedelta(microseconds=1)
        case list():
            return [*value[:-1], other_than(value[-1])] if value else [None]
        case str():
            return value + " "
        case _:
            return value + timedelta(days=1)


def test_a_build_on_top_of_another_is_refused(twins: Twins) -> None:
    listed = twins.spark.warehouse.parent / "inventory.parquet"
    with pytest.raises(SegueError, match="every build begins with an empty warehouse"):
        build.run(twins.spark, listed, target="spark", full_refresh=True)


def test_a_file_that_spark_passes_over_is_refused_and_one_with_an_odd_name_read(session: Any, home: Home) -> None:
    land_lines(home, "a[1]{x}*.jsonl", day(0), [event(1, "u", "t", NOON)])
    lay_views(session, inventory.take(home, day(0)))
    assert session.table("global_temp.landed_events_events_jsonl").count() == 1
    land_lines(home, "_late.jsonl", day(0), [event(2, "u", "t", NOON)])
    with pytest.raises(SegueError, match=r"landed files that Spark reads, received .*_late\.jsonl"):
        lay_views(session, inventory.take(home, day(0)))


def test_tables_of_others_are_out_of_reach(home: Home) -> None:
    others = SimpleNamespace(conf={"spark.sql.catalogImplementation": "hive"})
    with pytest.raises(SegueError, match="a catalogue of its own"):
        spark._empty_warehouse(others, home)


def test_without_java_the_setting_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segue.spark.shutil.which", lambda name: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(SegueError, match="Java 17 for SEGUE_MART_ENGINE=spark"):
        spark.build(home, [], home.warehouse.parent / "inventory.parquet")
