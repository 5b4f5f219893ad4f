"""What was said or heard by a clock that is wrong: a dislike keeps its effect, a heard track stays heard, no more."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from mart_homes import assert_same, copied, day, event, gold, land_lines, query, warehouse

from infra.mart import build
from segue.home import Home

AHEAD, RESET = f"{day(9)}T10:00:00Z", "1970-01-01T00:10:00Z"
CATALOGUE = [{"track_id": f"t{n}", "artist_id": f"a{n}"} for n in range(8)]
HISTORY = "select disliked_tracks, disliked_artists, heard_tracks, heard_60d from gold.user_history where user_id = 'u'"
REJECTED = "select reason, count(*) from gold.rejected_listens group by reason order by 1"
TOLD = "select event_id, occurred_at::varchar from silver.dislikes order by 1"


def said(number: int, track: str, at: str, kind: str, **more: Any) -> dict[str, Any]:
    return event(number, "u", track, at, **more) | {"event_type": kind}


FIRST = [
    event(1, "u", "t0", f"{day(0)}T10:00:00Z"),
    said(2, "t1", f"{day(0)}T11:00:00Z", "dislike"),
    said(3, "t2", AHEAD, "dislike", received_at=f"{day(0)}T12:00:00Z"),
    said(4, "t3", RESET, "dislike"),
]
SECOND = [
    said(5, "t4", f"{day(1)}T09:30:00Z", "dislike", received_at=f"{day(1)}T09:00:00Z"),
    said(6, "t5", RESET, "dislike_artist", received_at=f"{day(1)}T12:00:00Z"),
    said(7, "t6", AHEAD, "dislike_artist", received_at=AHEAD),
    said(8, "t6", AHEAD, "play", received_at=f"{day(1)}T12:00:00Z"),
    said(9, "t7", RESET, "play"),
    said(10, "t7", AHEAD, "save"),
    said(11, "t999", AHEAD, "dislike"),
    said(3, "t2", AHEAD, "dislike", received_at=f"{day(1)}T12:00:00Z"),
    event(12, "v", "t0", f"{day(1)}T10:00:00Z"),
]


def first_day(root: Path) -> Home:
    home = Home(root)
    land_lines(home, "a.jsonl", day(0), CATALOGUE, kind="tracks")
    land_lines(home, "a.jsonl", day(0), FIRST)
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = first_day(tmp_path_factory.mktemp("clocks") / "home")
    land_lines(made, "b.jsonl", day(1), SECOND)
    gold(made, day(1))
    return made


def test_a_dislike_holds_whatever_the_clock_said_and_is_dated_when_it_was_told(home: Home) -> None:
    [(tracks, artists, _, _)] = query(home, HISTORY)
    assert tracks == ["t4", "t2", "t1", "t3"]
    assert artists == ["a5", "a6"]
    assert query(home, TOLD) == [
        ("e2", f"{day(0)} 11:00:00"),
        ("e3", f"{day(0)} 12:00:00"),
        ("e4", f"{day(0)} 00:00:00"),
        ("e5", f"{day(1)} 09:00:00"),
    ]


def test_a_play_by_a_wrong_clock_is_heard_and_stays_rejected(home: Home) -> None:
    [(_, _, heard, lately)] = query(home, HISTORY)
    assert (heard, lately) == (["t6", "t7", "t0"], 3)
    assert query(home, "select listen_id from gold.labels where user_id = 'u'") == [("e1",)]


def test_what_else_is_wrong_with_them_is_told_as_ever(home: Home) -> None:
    assert query(home, REJECTED) == [
        ("duplicate", 1), ("future_time", 2), ("impossible_time", 1), ("unknown_track", 1)
    ]  # fmt: skip
    [(text,)] = query(home, "select row_text from gold.rejected_listens where reason = 'unknown_track'")
    assert AHEAD in text


def test_day_by_day_gives_the_tables_of_a_build_at_once(home: Home, tmp_path: Path) -> None:
    steps = first_day(tmp_path / "steps")
    gold(steps, day(0))
    assert query(steps, HISTORY) == [(["t2", "t1", "t3"], [], ["t0"], 1)]
    land_lines(steps, "b.jsonl", day(1), SECOND)
    assert gold(steps, day(1))["dbt"]["full_refresh"] is False
    assert_same(warehouse(steps), warehouse(home))


@pytest.mark.parametrize(
    ("file", "right", "wrong", "lost"),
    [
        ("macros/problems.sql", "and event_type not in ('dislike', 'dislike_artist') then", "then", 0),
        ("models/silver/misdated_plays.sql", "event_type = 'play'", "false", 2),
    ],
)
def test_a_mart_that_believes_every_clock_is_noticed(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, right: str, wrong: str, lost: int
) -> None:
    project = tmp_path / "dbt"
    shutil.copytree(build.PROJECT, project)
    told = (project / file).read_text()
    assert right in told
    (project / file).write_text(told.replace(right, wrong))
    monkeypatch.setattr(build, "PROJECT", project)
    other = copied(home, tmp_path / "home")
    gold(other, day(1))
    [before], [after] = query(home, HISTORY), query(other, HISTORY)
    assert len(after[lost]) < len(before[lost])
