"""A value of the catalogue or of an account that cannot be read permits nothing, and its row is kept with the reason."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from mart_homes import copied, day, event, gold, land_lines, query
from unreadable_rows import ACCOUNT_ROWS, EXPLICIT, LICENCES, TRACK_ROWS, land_unreadable

from infra.mart import build
from segue.home import Home

EVERYWHERE = "select track_id from gold.tracks where licensed_everywhere"
WINDOWS = "select distinct track_id from gold.licences"
CLEAN = "select track_id from gold.tracks where not coalesce(explicit, false)"
ALLOWED = "select user_id from gold.users where coalesce(explicit_allowed, true)"
KEPT = "select reason, row_text from gold.rejected_listens where landed_file like '%/unreadable.jsonl'"


def landed(root: Path) -> Home:
    home = Home(root)
    land_unreadable(home)
    land_lines(home, "a.jsonl", day(3), [event(1, "u", "readable-1", f"{day(3)}T10:00:00Z")])
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = landed(tmp_path_factory.mktemp("unreadable") / "home")
    gold(made, day(3))
    return made


@pytest.fixture(scope="module")
def permissive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The same by models in which null stays null, as if nobody had minded."""
    root = tmp_path_factory.mktemp("permissive")
    shutil.copytree(build.PROJECT, root / "dbt")
    for name in ("tracks", "users"):
        model = root / "dbt" / "models" / "bronze" / f"stg_events_{name}.sql"
        told, again = model.read_text(), {"tracks": "'track', columns, closed", "users": "'account', columns, closed"}[name]
        assert again in told
        model.write_text(told.replace(again, again.replace("closed", "{}")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "PROJECT", root / "dbt")
        made = landed(root / "home")
        gold(made, day(3))
        yield made


def ids(home: Home, sql: str) -> set[str]:
    return {name for (name,) in query(home, sql)}


def test_every_row_with_a_value_that_cannot_be_read_is_kept_with_the_first_such_column(home: Home) -> None:
    written = Counter((f"unparsable_{name}", json.dumps(row)) for name, row in (*TRACK_ROWS, *ACCOUNT_ROWS))
    assert Counter(query(home, KEPT)) == written
    assert query(home, "select count(*) from gold.rejected_listens where landed_file like '%/readable.jsonl'") == [(0,)]


def test_a_window_of_parquet_without_a_territory_is_kept_as_json_and_permits_nothing(home: Home) -> None:
    kept = query(home, "select reason, row_text from gold.rejected_listens where landed_file like '%.parquet'")
    assert [(reason, json.loads(text)["title"]) for reason, text in kept] == [("unparsable_licences", "Half")]
    assert "typed" not in ids(home, EVERYWHERE) | ids(home, WINDOWS)


@pytest.mark.parametrize("number", range(len(LICENCES)))
def test_a_track_whose_licences_cannot_be_read_is_playable_nowhere(home: Home, number: int) -> None:
    assert query(home, f"select count(*) from gold.tracks where track_id = 'licences-{number}'") == [(1,)]  # noqa: S608
    assert f"licences-{number}" not in ids(home, EVERYWHERE) | ids(home, WINDOWS)


def test_an_unreadable_row_ends_what_the_row_before_it_permitted(home: Home) -> None:
    assert not {"ended", "several"} & (ids(home, EVERYWHERE) | ids(home, WINDOWS))


@pytest.mark.parametrize("number", range(len(EXPLICIT)))
def test_what_may_be_explicit_counts_as_explicit(home: Home, number: int) -> None:
    assert not {f"explicit-{number}", "several"} & ids(home, CLEAN)


@pytest.mark.parametrize("number", range(2))
def test_who_may_have_refused_what_is_explicit_gets_none(home: Home, number: int) -> None:
    assert f"explicit_allowed-{number}" not in ids(home, ALLOWED)


def test_other_values_that_cannot_be_read_are_unknown_and_the_row_counts(home: Home) -> None:
    unknown = query(home, "select distinct tempo, energy, duration_ms, release_date from gold.tracks "
                          "where regexp_matches(track_id, '^(tempo|energy|duration_ms|release_date)-')")  # fmt: skip
    assert unknown == [(None, None, None, None)]
    assert {"tempo-0", "energy-0", "duration_ms-0", "release_date-0"} <= ids(home, EVERYWHERE)
    dial = query(home, "select signup_date, adventurousness from gold.users where user_id not like 'explicit%'")
    assert set(dial) == {(None, None)}


def test_values_that_can_be_read_are_read(home: Home) -> None:
    told = query(home, "select track_id, explicit, release_date::varchar, tempo, licensed_everywhere from gold.tracks "
                       "where track_id like 'readable%' order by 1")  # fmt: skip
    assert told == [
        ("readable-0", False, "2026-05-01", None, False),
        ("readable-1", False, "2026-05-01", 120.0, True),
        ("readable-2", None, None, None, False),
        ("readable-3", None, None, None, False),
    ]
    windows = query(home, "select track_id, valid_from::varchar, valid_to::varchar from gold.licences order by all")
    assert windows == [
        ("readable-2", "0001-01-01", "9999-12-31"),
        ("readable-2", None, None),
        ("readable-3", "1600-01-01", None),
    ]


@pytest.mark.parametrize(
    ("sql", "opened"),
    [(EVERYWHERE, {"licences-0", "licences-1", "ended"}), (CLEAN, {"explicit-0"}), (ALLOWED, {"explicit_allowed-0"})],
)
def test_models_in_which_null_stays_null_permit_it(home: Home, permissive: Home, sql: str, opened: set[str]) -> None:
    assert not opened & ids(home, sql)
    assert opened <= ids(permissive, sql)


def test_the_next_row_that_can_be_read_counts_again(home: Home, tmp_path: Path) -> None:
    mended = copied(home, tmp_path / "home")
    land_lines(
        mended, "c.jsonl", day(4), [{"track_id": "ended"}, {"track_id": "explicit-0", "explicit": False}], kind="tracks"
    )
    land_lines(mended, "b.jsonl", day(4), [event(2, "u", "ended", f"{day(4)}T10:00:00Z")])
    gold(mended, day(4))
    assert "ended" in ids(mended, EVERYWHERE)
    assert "explicit-0" in ids(mended, CLEAN)
