"""Bad input to `segue features` ends in one sentence before Feast sees anything, and dbt's own unit tests pass."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from mart_homes import day, event, exported, gold, land_lines, query

from infra.mart import build
from infra.mart.command import run
from segue.errors import SegueError
from segue.events import SESSION_GAP_MINUTES
from segue.home import Home, get_home
from segue.lock import locked
from segue.names import Source


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One listen of a source with no catalogue, no accounts and no saves, on day 0."""
    home = Home(tmp_path_factory.mktemp("refusals") / "home")
    land_lines(home, "plays.tsv", day(0), ["5\t1\t77\t1789984800\t900"], source=Source.THIRTY_MUSIC)
    gold(home, day(0))
    return home


@pytest.fixture
def copy(built: Home, home: Home) -> Home:
    shutil.copytree(built.root, home.root)
    return get_home()


def test_a_landing_with_one_source_and_nothing_else_still_builds_every_table(built: Home) -> None:
    assert query(built, "select count(*) from gold.labels") == [(1,)]
    assert query(built, "select count(*) from gold.licences") == [(0,)]
    assert query(built, "select territory, save_rate_30d, early_skip_rate_30d from gold.user_features") == [(None, None, None)]


def test_an_empty_landing_is_refused(home: Home) -> None:
    with pytest.raises(SegueError, match="an empty landing: run `segue world`"):
        run(as_of=day(0))


def test_an_as_of_before_the_first_event_is_refused_with_the_days_that_are_there(copy: Home) -> None:
    with pytest.raises(SegueError, match=f"events from {day(0)} to {day(0)}"):
        run(as_of=day(-1))


def test_a_day_without_events_is_refused_with_the_last_day_that_has_some(copy: Home) -> None:
    with pytest.raises(SegueError, match=f"none after {day(0)}: run `segue features --as-of {day(0)}`"):
        run(as_of=day(3))


def test_a_day_whose_events_are_all_bad_is_refused_and_exports_nothing(copy: Home) -> None:
    before = exported(copy)
    land_lines(copy, "bad.jsonl", day(1), ["{torn"])
    with pytest.raises(SegueError, match=f"Expected listens on {day(1)}, received none after {day(0)}"):
        run(as_of=day(1))
    assert exported(copy) == before
    assert not copy.feast.exists()


def test_a_second_run_at_the_same_time_is_refused(copy: Home) -> None:
    lock = locked(copy.warehouse.parent / ".lock", what="`segue features`")
    with lock, pytest.raises(SegueError, match="one `segue features` at a time"):
        run(as_of=day(0))


def test_a_failing_dbt_test_stops_the_run_and_is_named_with_its_model_and_log(
    copy: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "dbt"
    shutil.copytree(build.PROJECT, broken)
    labels = broken / "models" / "gold" / "labels.sql"
    labels.write_text(
        labels.read_text().replace("label_weight('outcome', 'saved') }}", "label_weight('outcome', 'saved') }} + 1")
    )
    monkeypatch.setattr(build, "PROJECT", broken)
    with pytest.raises(SegueError, match=r"the test accepted_values_labels_weight\S* of labels failing .*dbt\.log"):
        run(as_of=day(0))
    assert not copy.feast.exists()


def test_a_model_that_breaks_its_contract_stops_the_run(copy: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "dbt"
    shutil.copytree(build.PROJECT, broken)
    users = broken / "models" / "gold" / "users.sql"
    users.write_text(users.read_text().replace("territory, signup_date", "1 as territory, signup_date"))
    monkeypatch.setattr(build, "PROJECT", broken)
    with pytest.raises(SegueError, match="the model users failing"):
        run(as_of=day(0))


def test_a_build_after_other_sql_is_a_full_one(copy: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert gold(copy, day(0))["dbt"]["full_refresh"] is False
    monkeypatch.setattr(build, "_fingerprint", lambda: "other")
    assert gold(copy, day(0))["dbt"]["full_refresh"] is True


def test_the_unit_tests_beside_the_models_pass(copy: Home) -> None:
    results = _unit_tests(copy)
    assert len(results) >= 5
    assert {result.status for result in results} == {"pass"}


def test_a_wrong_model_fails_its_unit_test(copy: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "dbt"
    shutil.copytree(build.PROJECT, broken)
    listening = broken / "macros" / "listening.sql"
    listening.write_text(listening.read_text().replace("0.8 *", "0.7 *"))
    monkeypatch.setattr(build, "PROJECT", broken)
    assert "fail" in {result.status for result in _unit_tests(copy)}


def _unit_tests(home: Home) -> list[Any]:
    from dbt.cli.main import dbtRunner

    place = ["--project-dir", str(build.PROJECT), "--profiles-dir", str(build.PROJECT), "--target-path", str(home.tmp / "dbt")]
    with build._environment(home, home.warehouse.parent / "inventory.parquet"):
        outcome = dbtRunner().invoke(["test", "--select", "test_type:unit", "--log-level", "none", "-q", *place,
                                      "--log-path", str(home.tmp)])  # fmt: skip
    build._let_go()
    results: Any = outcome.result
    return list(results)


def test_a_history_forgets_no_track_however_long_it_is(copy: Home) -> None:
    rows = [f"5\t1\t{track}\t{1_790_040_000 + track}\t900" for track in range(5_001)]
    land_lines(copy, "plays.tsv", day(1), rows, source=Source.THIRTY_MUSIC)
    gold(copy, day(1))
    newest_first = [str(track) for track in reversed(range(5_001))]
    assert query(copy, "select heard_tracks from gold.user_history where user_id = '5'") == [(newest_first,)]


def test_the_pause_between_sessions_is_the_agreed_one() -> None:
    listens = (build.PROJECT / "models" / "silver" / "listens.sql").read_text()
    assert f"occurred_at > last_ended_at + interval {SESSION_GAP_MINUTES} minute then" in listens


def test_an_event_type_of_another_case_is_not_taken_for_a_play(copy: Home) -> None:
    land_lines(copy, "a.jsonl", day(1), [event(1, "u", "t", f"{day(1)}T10:00:00Z"), event(2, "u", "t", f"{day(1)}T11:00:00Z")
                                         | {"event_type": "PLAY"}])  # fmt: skip
    assert gold(copy, day(1))["rejected"] == {"unknown_event_type": 1}
