"""Whom a week puts before listeners, on tables small enough to count by hand; and the floor for small artists."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest

from segue.home import Home
from segue.settings import get_settings
from serving.weekly.exposure import EVERYWHERE, LABEL_TYPE, SIZE, Exposure, exposure, merit_of, missing_to_floor

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
    assert [missing_to_floor(found, floor) for floor in (0.0, 0.25, 0.26, 0.5, 1.0)] == [
        0,
        0,
        1,
        2,
        6,
    ]  # they have two of eight
    connection.execute("delete from picks where track_id in ('t4', 't5')")
    assert missing_to_floor(again(connection), 0.5) == 3


def test_a_floor_holds_where_nobody_knows_what_anybody_earned() -> None:
    large = Exposure(EVERYWHERE, SIZE, "large", 10, 1.0, None)
    assert missing_to_floor([large, Exposure("SE", SIZE, "small", 10, 1.0, None)], 0.1) == 1
    assert missing_to_floor([], 1.0) == 0


def again(connection: duckdb.DuckDBPyConnection) -> list[Exposure]:
    for name in ("table sizes", "table owners", "view labels", "view local_plays"):
        connection.execute(f"drop {name}")
    return exposure(connection, WEEK)


def test_plays_are_the_merit_where_nobody_knows_how_far_tracks_were_heard(connection: duckdb.DuckDBPyConnection) -> None:
    exposure(connection, WEEK)
    assert merit_of(connection) == "completed plays"
    connection.execute("update plays set complete_rate_30d = null")
    found = by_group(again(connection))
    assert merit_of(connection) == "plays"
    assert [found[EVERYWHERE, part][2] for part in ("large", "middle", "small")] == pytest.approx([0.6, 0.3, 0.1])
    assert found["SE", "large"][2] == pytest.approx(8 / 12)


def test_a_track_of_unknown_durations_is_taken_to_be_heard_as_far_as_the_others(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("update plays set complete_rate_30d = null where track_id = 't4'")
    found = by_group(exposure(connection, WEEK))
    assert merit_of(connection) == "completed plays"
    assert found[EVERYWHERE, "small"][2] == pytest.approx(10 * 60 / 90 / (60 + 10 * 60 / 90))


def test_artists_played_alike_are_of_one_size_whatever_they_are_called(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("update plays set plays_30d = 6 where track_id in ('t3', 't4')")  # the star has 60 of 72
    found = by_group(exposure(connection, WEEK))
    assert found[EVERYWHERE, "small"][0] == 5
    assert (EVERYWHERE, "middle") not in found, "by name one of the two would be"
