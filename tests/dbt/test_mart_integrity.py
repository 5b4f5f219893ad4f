"""A bot among listeners, by hand: it is kept, counts for nothing, and a person can say otherwise."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

import pytest
from farm_rows import CATALOGUE, FARM, add, crowd, plays_of_a_bot, taste
from mart_homes import assert_same, copied, day, gold, land_lines, query, warehouse

from infra.mart import build
from segue.home import Home

PLAYS_30D = f"select track_id, plays_30d, users_30d from gold.track_features where day = '{day(0)}' order by 1"  # noqa: S608 - our own
FOUND = "select playlist_id, track_id, found_on from gold.user_playlists order by 1, 2"
CROWD = "select reason, count(*), max(weight) from silver.account_integrity where weight < 1 group by reason"
HEARD = "select track_id, plays_30d, users_30d from gold.track_features where track_id in ('loved', 'pushed') order by 1"
TRUST = "select user_id, min(integrity), sum(weight), count(*) from gold.labels group by user_id order by 1"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home(tmp_path_factory.mktemp("integrity") / "home")
    land_lines(made, "a.jsonl", day(0), CATALOGUE, kind="tracks")
    land_lines(made, "a.jsonl", day(0), FARM)
    gold(made, day(0))
    return made


def test_the_plays_of_a_bot_are_kept_and_weigh_nothing(home: Home) -> None:
    assert query(home, TRUST) == [("bot", 0.0, 0.0, 200), ("f0", 1.0, 2.0, 2), ("f1", 1.0, 2.0, 2)]
    assert query(home, "select weight, reason from silver.account_integrity where user_id = 'bot'") == [
        (0.0, "around_the_clock")
    ]


def test_every_sign_that_is_kept_of_an_accounts_day_is_read(home: Home) -> None:
    kept = {row[0] for row in query(home, "select column_name from (describe silver.account_days)")}
    judged = (build.PROJECT / "models" / "silver" / "account_integrity.sql").read_text()
    assert "cuts" in kept
    assert {sign for sign in kept if not re.search(rf"\b{sign}\b", judged)} == set()


def test_two_hundred_plays_of_a_bot_make_nothing_popular(home: Home) -> None:
    assert query(home, PLAYS_30D) == [("loved", 2, 2), ("pushed", 2, 2)]
    assert query(home, "select max(territory_plays_30d) from gold.track_territory_features") == [(2,)]


def test_an_overrule_changes_the_days_before_without_a_full_build(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, mine = tmp_path / "dbt", copied(home, tmp_path / "home")
    shutil.copytree(build.PROJECT, project)
    monkeypatch.setattr(build, "PROJECT", project)
    overrules = project / "seeds" / "integrity_overrules.csv"
    empty = overrules.read_text()
    overrules.write_text(f"{empty}bot,1,a radio in a shop\nf1,0.25,says so\nsilent,0,a script\n")
    assert gold(mine, day(0))["dbt"]["full_refresh"] is False
    assert query(mine, TRUST) == [("bot", 1.0, 200.0, 200), ("f0", 1.0, 2.0, 2), ("f1", 0.25, 0.5, 2)]
    assert query(mine, PLAYS_30D) == [("loved", 2, 2), ("pushed", 202, 3)]
    assert [row for row in query(mine, FOUND) if row[2]] == [("of-a-script", "pushed", day(0))]
    overrules.write_text(empty)
    gold(mine, day(0))
    assert query(mine, TRUST) == query(home, TRUST)
    assert query(mine, FOUND) == query(home, FOUND)


def test_what_a_bot_alone_put_on_a_playlist_is_marked_and_what_a_listener_did_is_not(home: Home) -> None:
    assert query(home, FOUND) == [
        ("of-a-bot", "pushed", day(0)),
        ("of-a-listener", "loved", None),
        ("of-a-script", "pushed", None),
        ("of-both", "loved", None),
        ("of-both", "pushed", day(0)),
    ]


def test_a_bot_found_later_is_marked_from_that_day_on_also_for_what_it_adds_while_it_rests(tmp_path: Path) -> None:
    at_once, steps = Home(tmp_path / "at-once"), Home(tmp_path / "steps")
    for home in (at_once, steps):
        land_lines(home, "a.jsonl", day(0), CATALOGUE, kind="tracks")
        land_lines(home, "a.jsonl", day(0), [*FARM, add("later", "before", "loved", 0)])
        if home is steps:
            gold(steps, day(0))
            assert found_on(steps, "before") == [None]
        land_lines(home, "b.jsonl", day(1), plays_of_a_bot("later", 1))
        land_lines(home, "c.jsonl", day(3), [add("later", "after", "loved", 3), *plays_of_a_bot("another", 3)])
        gold(home, day(3))
    assert found_on(at_once, "before") == [day(1)]
    assert found_on(at_once, "after") == [day(1)]
    assert_same(warehouse(steps), warehouse(at_once))


def test_a_crowd_that_has_nothing_but_its_target_lifts_it_nowhere_built_by_the_day_or_at_once(tmp_path: Path) -> None:
    at_once, steps = Home(tmp_path / "at-once"), Home(tmp_path / "steps")
    for home in (at_once, steps):
        land_lines(home, "a.jsonl", day(0), [*taste(12, 6), *crowd(0, first=0, accounts=20, own=0)])
        if home is steps:
            gold(steps, day(0))
            assert query(steps, CROWD) == []
        land_lines(home, "b.jsonl", day(1), crowd(1, first=20, accounts=20, own=0))
        gold(home, day(1))
    assert query(at_once, CROWD) == [("faceless_crowd", 20, 0.0)]
    counted = "select plays_30d from gold.track_features where track_id = 'pushed' order by day desc limit 1"
    assert query(at_once, counted) == [(20,)]
    assert_same(warehouse(steps), warehouse(at_once))
    for table in ("account_breadth", "crowded_tracks", "account_company", "account_integrity"):
        assert query(steps, f"from silver.{table} order by all") == query(at_once, f"from silver.{table} order by all")


def test_a_hit_that_as_many_hear_who_have_a_taste_of_their_own_counts_in_full(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    land_lines(home, "a.jsonl", day(0), [*taste(12, 6), *crowd(0, first=0, accounts=40, own=6)])
    gold(home, day(0))
    assert query(home, CROWD) == []
    assert query(home, HEARD) == [("loved", 12, 12), ("pushed", 40, 40)]


def found_on(home: Home, playlist: str) -> list[date | None]:
    return [day for name, _, day in query(home, FOUND) if name == playlist]
