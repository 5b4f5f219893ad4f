"""Whom a week puts before listeners, on tables small enough to count by hand; and the floor for small artists."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest

from segue.home import Home
from segue.settings import get_settings
from serving.exposure import EVERYWHERE, LABEL_TYPE, SIZE, Exposure, below_floor, exposure

WEEK = date(2026, 11, 16)

TABLES = """
create table gold_tracks as select * from (values
    ('t1', 'star', 'major'), ('t2', 'star', 'major'), ('t3', 'known', 'independent'), ('t4', 'garage', ''), ('t5', null, null))
    as _(track_id, artist_id, label_type);
create table plays as select * from (values
    ('t1', 'star', 40, 0.5), ('t2', 'star', 20, 0.5), ('t3', 'known', 30, 1.0), ('t4', 'garage', 10, 1.0))
    as _(track_id, artist_id, plays_30d, complete_rate_30d);
create table accounts as select * from (values ('a', 'SE'), ('b', 'GB'), ('c', null)) as _(user_id, territory);
create table picks as select * from (values
    ('a', 't1'), ('a', 't3'), ('a', 't4'), ('a', 't5'), ('b', 't1'), ('b', 't2'), ('c', 't3'), ('c', 't3'))
    as _(user_id, track_id);
"""
"""Of 100 plays the star has 60 and the known 30, which is nine tenths; what is heard to the end: 30, 30 and 10."""


@pytest.fixture
def connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path))
    get_settings.cache_clear()
    connection = duckdb.connect()
    connection.execute(TABLES)
    for day, plays in (("2026-11-15", 8), ("2026-11-16", 800)):  # the second is of the week itself: not to be seen
        folder = Home(tmp_path).table("track_territory_features") / f"day={day}"
        folder.mkdir(parents=True)
        connection.sql(
            f"select 't1' as track_id, 'SE' as territory, {plays} as territory_plays_30d union all select 't4', 'SE', 4"
        ).write_parquet(str(folder / "data.parquet"))
    yield connection
    connection.close()
    get_settings.cache_clear()


def by_group(found: list[Exposure]) -> dict[tuple[str, str], tuple[int, float | None, float | None]]:
    return {(one.territory, one.part): (one.places, one.exposure, one.merit) for one in found}


def test_places_are_set_beside_what_is_heard_to_the_end(connection: duckdb.DuckDBPyConnection) -> None:
    found = by_group(exposure(connection, WEEK))
    assert found[EVERYWHERE, "large"] == (3, pytest.approx(3 / 8), pytest.approx(30 / 70))
    assert found[EVERYWHERE, "middle"] == (3, pytest.approx(3 / 8), pytest.approx(30 / 70))
    assert found[EVERYWHERE, "small"] == (2, pytest.approx(2 / 8), pytest.approx(10 / 70))


def test_a_territory_has_its_own_places_and_its_own_merit(connection: duckdb.DuckDBPyConnection) -> None:
    found = by_group(exposure(connection, WEEK))
    assert found["SE", "small"] == (2, 0.5, 0.5)
    assert found["SE", "large"] == (1, 0.25, 0.5)
    assert found["GB", "large"] == (2, 1.0, None)
    assert found["unknown", "middle"] == (2, 1.0, None)


def test_labels_have_their_places_and_their_merit_and_none_is_a_part_of_its_own(connection: duckdb.DuckDBPyConnection) -> None:
    found = by_group([one for one in exposure(connection, WEEK) if one.kind == LABEL_TYPE])
    assert found[EVERYWHERE, "major"] == (3, pytest.approx(3 / 8), pytest.approx(30 / 70))
    assert found[EVERYWHERE, "independent"] == (3, pytest.approx(3 / 8), pytest.approx(30 / 70))
    assert found[EVERYWHERE, "unknown"] == (2, pytest.approx(2 / 8), pytest.approx(10 / 70))
    assert found["SE", "major"] == (1, 0.25, 0.5)


def test_gold_from_before_there_were_labels_has_unknown_ones(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("alter table gold_tracks drop column label_type")
    found = by_group([one for one in exposure(connection, WEEK) if one.kind == LABEL_TYPE])
    assert found[EVERYWHERE, "unknown"] == (8, 1.0, 1.0)


def test_small_artists_below_their_floor_are_noticed_and_no_others(connection: duckdb.DuckDBPyConnection) -> None:
    found = exposure(connection, WEEK)
    assert not below_floor(found, 0.0)
    assert not below_floor(found, 1.0)
    assert below_floor(found, 2.0)  # a quarter of the places is less than twice a seventh
    connection.execute("delete from picks where track_id in ('t4', 't5')")
    for name in ("table sizes", "table owners", "view labels", "view local_plays"):
        connection.execute(f"drop {name}")
    assert below_floor(exposure(connection, WEEK), 0.5)


def test_a_week_without_small_artists_has_no_floor_to_keep_where_nobody_earned_one() -> None:
    assert not below_floor([Exposure(EVERYWHERE, SIZE, "small", 0, 0.0, None)], 1.0)
