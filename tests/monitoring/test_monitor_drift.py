"""What `segue monitor` calls drift on a whole home, and what not, each with the twin that differs in one thing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pandas as pd
from monitored_home import AS_OF, alarms_of, states_of

from infra import mailbox
from monitoring import samples
from monitoring.command import run
from monitoring.filling import looks_back
from monitoring.listening import recent_window, sample
from monitoring.rules import Rules
from segue.home import Home, get_home


def test_a_week_like_the_reference_is_ok(live: Callable[..., str]) -> None:
    live("same")
    outcome = run(as_of=AS_OF)
    assert (outcome.summary["verdict"], outcome.exit_code, outcome.summary["retrain"]) == ("ok", 0, False)
    assert outcome.summary["moved"] == 0
    assert outcome.summary["compared"] + outcome.summary["filling"] >= 30
    assert alarms_of(outcome) == []


NEEDS_NO_DAYS = {
    *("age_days", "days_since_last_play", "device", "duration_s", "energy", "explicit", "explicit_allowed", "genre"),
    *("tempo", "territory"),
}


def test_every_feature_is_known_to_look_back_or_to_need_no_days(platform: Home) -> None:
    told = samples.flat(samples.recent_features(sample(recent_window(AS_OF, Rules()), 20)))
    assert {name for name in told.columns if looks_back(name) == 0} == NEEDS_NO_DAYS


def windows_moved(reference: pd.DataFrame) -> pd.DataFrame:
    """Every count, share and list over a month as a third of what it is."""
    lists = [name for name in reference.columns if reference[name].map(np.ndim).max() == 1]
    numbers = [name for name in reference.select_dtypes("number").columns if looks_back(name) == 30]
    third = {name: reference[name].map(lambda items: items[: len(items) // 3]) for name in lists if name == "recent_tracks"}
    return reference.assign(**{name: reference[name] / 3 for name in numbers}, **third)


def test_windows_still_filling_are_no_drift_of_a_young_log_and_drift_of_an_old_one(live: Callable[..., str]) -> None:
    live("filling", change=windows_moved)
    outcome = run(as_of=AS_OF)
    assert (outcome.summary["verdict"], outcome.summary["retrain"], outcome.summary["moved"]) == ("ok", False, 0)
    assert states_of(outcome)["plays_30d"] == "filling"
    later = timedelta(days=60)  # as if the log had begun so much earlier
    live("filled", change=lambda r: windows_moved(r).assign(event_timestamp=r["event_timestamp"] + later))
    outcome = run(as_of=AS_OF)
    assert (outcome.summary["verdict"], outcome.summary["retrain"]) == ("drift", True)
    assert states_of(outcome)["plays_30d"] == "moved"
    assert outcome.summary["filling"] == 0


def test_a_young_log_whose_tracks_became_others_is_drift(live: Callable[..., str]) -> None:
    def other_tracks(r: pd.DataFrame) -> pd.DataFrame:
        return r.assign(genre="polka", tempo=r["tempo"] + 60, energy=r["energy"] / 3, duration_s=r["duration_s"] * 2)

    live("others", change=other_tracks)
    outcome = run(as_of=AS_OF)
    assert (outcome.summary["verdict"], outcome.summary["retrain"]) == ("drift", True)


def test_a_reference_of_other_listening_is_drift_and_asks_for_a_retraining(live: Callable[..., str]) -> None:
    def shifted(reference: pd.DataFrame) -> pd.DataFrame:
        numbers = reference.select_dtypes("number").columns.drop("score")
        return reference.assign(**{name: reference[name] * 3 + 50 for name in numbers})

    live("shifted", change=shifted)
    outcome = run(as_of=AS_OF)
    assert (outcome.summary["verdict"], outcome.exit_code, outcome.summary["retrain"]) == ("drift", 0, True)
    states = states_of(outcome)
    assert states["tempo"] == "moved"
    assert states["genre"] == "ok"
    newest = mailbox.messages(get_home().mail)[-1]
    assert newest["Subject"].startswith("[segue] drift: ")


def test_scores_that_moved_are_drift_by_themselves(few: None, live: Callable[..., str]) -> None:
    live("colder", change=lambda reference: reference.assign(score=reference["score"] - 3))
    outcome = run(as_of=AS_OF)
    assert (outcome.summary["verdict"], outcome.summary["reason"]) == ("drift", "best score moved")


def test_drift_asks_for_no_retraining_on_the_days_the_release_was_made_from(few: None, live: Callable[..., str]) -> None:
    live("young", change=lambda r: r.assign(**{c: r[c] * 3 + 50 for c in r.select_dtypes("number")}), as_of=AS_OF)
    outcome = run(as_of=AS_OF)
    assert (outcome.summary["verdict"], outcome.summary["retrain"]) == ("drift", False)
