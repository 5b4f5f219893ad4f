"""The verdict: any alarm wins, drift follows its rule, and the rest is ok."""

from __future__ import annotations

from monitoring.findings import Finding, Group, State, Verdict
from monitoring.rules import Rules, judge

RULES = Rules()


def features(moved: int, ok: int, notes: int = 0) -> list[Finding]:
    states = [State.MOVED] * moved + [State.OK] * ok + [State.NOTE] * notes
    return [Finding("features", f"f{n}", state) for n, state in enumerate(states)]


def one(group: Group, state: State) -> Finding:
    return Finding(group, "the check", state, says="what is wrong")


def test_few_moved_features_are_ok() -> None:
    assert judge(features(2, 8), RULES) == (Verdict.OK, "2 of 10 features moved")


def test_moved_features_at_the_limit_are_drift() -> None:
    assert judge(features(3, 7), RULES) == (Verdict.DRIFT, "3 of 10 features moved")


def test_features_left_out_do_not_dilute_the_share() -> None:
    assert judge(features(3, 7, notes=50), RULES)[0] is Verdict.DRIFT


def test_features_still_filling_neither_move_nor_dilute() -> None:
    filling = [Finding("features", f"g{n}", State.FILLING) for n in range(20)]
    assert judge([*features(2, 8), *filling], RULES) == (Verdict.OK, "2 of 10 features moved, 20 more are still filling")
    assert judge([*features(3, 7), *filling], RULES) == (Verdict.DRIFT, "3 of 10 features moved, 20 more are still filling")


def test_moved_scores_outcomes_or_vectors_are_drift_by_themselves() -> None:
    for group in ("scores", "listening", "embeddings"):
        assert judge([*features(0, 10), one(group, State.MOVED)], RULES) == (Verdict.DRIFT, "the check moved")


def test_an_alarm_beats_drift_and_says_what_is_wrong() -> None:
    found = [*features(9, 1), one("parity", State.ALARM), one("answers", State.ALARM)]
    assert judge(found, RULES) == (Verdict.ALARM, "what is wrong and 1 more")


def test_notes_change_nothing() -> None:
    assert judge([*features(0, 10), one("embeddings", State.NOTE)], RULES)[0] is Verdict.OK
