"""A bot among listeners, by hand: it is kept, counts for nothing, and a person can say otherwise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mart_homes import copied, day, event, gold, land_lines, query

from infra.mart import build
from segue.home import Home

CATALOGUE = [{"track_id": name, "artist_id": "a", "duration_ms": 180_000} for name in ("pushed", "loved")]
PLAYS = [event(n, "bot", "pushed", f"{day(0)}T{n // 9:02d}:{n % 9 * 6:02d}:00Z", ms_played=180_000) for n in range(200)]
LISTENS = [event(1_000 + n, f"u{n}", track, f"{day(0)}T10:{30 * m:02d}:00Z", ms_played=180_000) | {"event_id": f"{n}{track}"}
           for n in range(3) for m, track in enumerate(("pushed", "loved"))][:-2]  # fmt: skip
PLAYS_30D = f"select track_id, plays_30d, users_30d from gold.track_features where day = '{day(0)}' order by 1"  # noqa: S608 - our own
TRUST = "select user_id, min(integrity), sum(weight), count(*) from gold.labels group by user_id order by 1"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home(tmp_path_factory.mktemp("integrity") / "home")
    land_lines(made, "a.jsonl", day(0), CATALOGUE, kind="tracks")
    land_lines(made, "a.jsonl", day(0), [*PLAYS, *LISTENS])
    gold(made, day(0))
    return made


def test_the_plays_of_a_bot_are_kept_and_weigh_nothing(home: Home) -> None:
    assert query(home, TRUST) == [("bot", 0.0, 0.0, 200), ("u0", 1.0, 2.0, 2), ("u1", 1.0, 2.0, 2)]
    assert query(home, "select weight, reason from silver.account_integrity where user_id = 'bot'") == [
        (0.0, "around_the_clock")
    ]


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
    overrules.write_text(f"{empty}bot,1,a radio in a shop\nu1,0.25,says so\n")
    assert gold(mine, day(0))["dbt"]["full_refresh"] is False
    assert query(mine, TRUST) == [("bot", 1.0, 200.0, 200), ("u0", 1.0, 2.0, 2), ("u1", 0.25, 0.5, 2)]
    assert query(mine, PLAYS_30D) == [("loved", 2, 2), ("pushed", 202, 3)]
    overrules.write_text(empty)
    gold(mine, day(0))
    assert query(mine, TRUST) == query(home, TRUST)
