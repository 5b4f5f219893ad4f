"""What is still filling is no drift, and nothing else may hide behind it."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from monitoring.drift import compare_columns, measure
from monitoring.filling import looks_back, still_filling
from monitoring.findings import Finding, State, Verdict
from monitoring.rules import Rules, judge
from segue.dates import start_of

RULES = Rules()
FIRST = date(2026, 9, 21)
LOG = [FIRST + timedelta(days=n) for n in range(102)]
OVER_DAYS = ("plays_30d", "active_days_30d", "recent_tracks_count", "top_artist_share", "users_30d")
OF_NO_DAYS = ("genre", "tempo", "energy", "duration_s", "device", "territory")


def reference(*log_days: int) -> pd.DataFrame:
    """Listens so many days after the first of the log."""
    return pd.DataFrame({"event_timestamp": pd.to_datetime([start_of(FIRST + timedelta(days=n)) for n in log_days])})


YOUNG, OLD = reference(*range(7, 49)), reference(*range(60, 102))


def features(moved: tuple[str, ...], listened: pd.DataFrame, rules: Rules = RULES) -> list[Finding]:
    """Findings on two samples that differ in `moved`."""
    names = (*OVER_DAYS, *OF_NO_DAYS)
    rng = np.random.default_rng(1)
    before = pd.DataFrame({name: rng.normal(20, 3, 500) for name in names})
    now = pd.DataFrame({name: rng.normal(26 if name in moved else 20, 3, 500) for name in names})
    filling = still_filling(names, listened, LOG, rules)
    return measure(compare_columns(now, before, "features", rules, filling), rules).findings


def verdict(moved: tuple[str, ...], listened: pd.DataFrame) -> Verdict:
    return judge(features(moved, listened), RULES)[0]


def test_windows_that_fill_with_a_young_log_are_no_drift_and_the_same_of_an_old_log_are() -> None:
    assert verdict(OVER_DAYS, YOUNG) is Verdict.OK
    assert verdict(OVER_DAYS, OLD) is Verdict.DRIFT


def test_a_young_log_hides_no_shift_of_what_needs_no_days() -> None:
    assert verdict(("genre", "tempo"), YOUNG) is Verdict.DRIFT
    assert verdict(("genre",), YOUNG) is Verdict.OK  # one of six is too few, as ever


def test_what_is_filling_shows_its_values_and_why_and_is_not_compared() -> None:
    found = {f.name: f for f in features(OVER_DAYS, YOUNG)}
    filling = found["plays_30d"]
    assert (filling.state, filling.distance) == (State.FILLING, None)
    assert (filling.now, filling.before) == (pytest.approx(26, abs=0.5), pytest.approx(20, abs=0.5))
    assert filling.says == "looks back 30 days; the log lacked days of these at 55% of the reference"
    assert found["tempo"].state is State.OK


def test_a_feature_that_went_empty_is_an_alarm_however_young_the_log() -> None:
    filled, empty = pd.DataFrame({"plays_30d": [20.0] * 50}), pd.DataFrame({"plays_30d": [None] * 50})
    filling = still_filling(["plays_30d"], YOUNG, LOG, RULES)
    assert [f.state for f in compare_columns(empty, filled, "features", RULES, filling).found] == [State.ALARM]


def test_a_few_old_listens_in_the_reference_of_an_old_log_excuse_nothing() -> None:
    assert verdict(OVER_DAYS, reference(3, *range(60, 102))) is Verdict.DRIFT


def test_a_week_is_filled_long_before_a_month() -> None:
    assert set(still_filling(["plays_7d", "plays_30d", "tempo"], YOUNG, LOG, RULES)) == {"plays_30d"}


def test_windows_fill_again_after_an_outage_and_a_silent_day_excuses_no_month() -> None:
    outage, silent = [day for day in LOG if not 30 <= (day - FIRST).days < 60], [day for day in LOG if day != LOG[58]]
    assert set(still_filling(["plays_7d", "plays_30d", "tempo"], OLD, outage, RULES)) == {"plays_7d", "plays_30d"}
    assert still_filling(["plays_30d", "tempo"], OLD, silent, RULES) == {}


@pytest.mark.parametrize("unknown", [pd.DataFrame({"tempo": [120.0]}), pd.DataFrame()])
def test_without_the_times_of_the_reference_nothing_is_excused(unknown: pd.DataFrame) -> None:
    assert verdict(OVER_DAYS, unknown) is Verdict.DRIFT


@pytest.mark.parametrize(
    ("name", "days"), [("plays_7d", 7), ("track_plays_30d", 30), ("top_genre_share", 30), ("tempo", 0), ("age_days", 0)]
)
def test_how_far_a_feature_looks_back(name: str, days: int) -> None:
    assert looks_back(name) == days
