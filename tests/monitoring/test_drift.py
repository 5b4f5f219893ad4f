"""Drift on data with a known answer: what moved is named, what did not is not, and emptiness never passes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from monitoring.drift import compare_columns, joined, measure
from monitoring.findings import Finding, State
from monitoring.rules import Rules

RULES = Rules()


def listens(seed: int, rows: int = 2_000) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "plays_7d": rng.poisson(20, rows).astype(float),
            "tempo": rng.normal(120, 20, rows),
            "genre": rng.choice(["ambient", "metal", "folk"], rows, p=[0.5, 0.3, 0.2]),
            "explicit": pd.Series(rng.random(rows) < 0.2, dtype=object),
        }
    )
    frame.loc[::50, ["tempo", "genre", "explicit"]] = None
    return frame


def drift(now: pd.DataFrame, before: pd.DataFrame, rules: Rules = RULES) -> dict[str, Finding]:
    return {f.name: f for f in measure(compare_columns(now, before, "features", rules), rules).findings}


def states(found: dict[str, Finding], state: State) -> set[str]:
    return {name for name, finding in found.items() if finding.state is state}


def test_the_same_distribution_is_ok_in_every_column() -> None:
    found = drift(listens(1), listens(2))
    assert states(found, State.OK) == {"plays_7d", "tempo", "genre", "explicit"}


def test_a_shifted_number_is_named_and_nothing_else() -> None:
    found = drift(listens(1).assign(tempo=lambda f: f["tempo"] + 15), listens(2))
    assert states(found, State.MOVED) == {"tempo"}
    assert found["tempo"].distance == pytest.approx(0.75, abs=0.1)  # 15 beats of a deviation of 20


def test_a_changed_mix_of_words_is_named_and_nothing_else() -> None:
    now = listens(1)
    now.loc[now["genre"] == "ambient", "genre"] = "metal"
    found = drift(now, listens(2))
    assert states(found, State.MOVED) == {"genre"}
    assert (found["genre"].now, found["genre"].before) == ("metal", "ambient")


def test_words_the_reference_never_had_move_the_column() -> None:
    now = listens(1).assign(genre=[f"new-{n}" for n in range(2_000)])
    assert drift(now, listens(2))["genre"].state is State.MOVED


def test_a_column_null_on_both_sides_is_left_out_and_listed() -> None:
    empty = pd.Series([None] * 2_000, dtype=object)
    found = drift(listens(1).assign(energy=empty), listens(2).assign(energy=empty))
    assert found["energy"].state is State.NOTE
    assert "left out" in found["energy"].says
    assert states(found, State.OK) == {"plays_7d", "tempo", "genre", "explicit"}


@pytest.mark.parametrize("dtype", [object, float])
def test_a_filled_column_turned_null_is_an_alarm(dtype: type) -> None:
    found = drift(listens(1).assign(tempo=pd.Series([None] * 2_000, dtype=dtype)), listens(2))
    assert states(found, State.ALARM) == {"tempo"}
    assert "98%" in found["tempo"].says


def test_a_column_mostly_gone_is_an_alarm_and_one_half_gone_has_moved() -> None:
    half, most = listens(1), listens(1)
    half.loc[:999, "tempo"] = None
    most.loc[:1_899, "tempo"] = None
    assert drift(half, listens(2))["tempo"].state is State.MOVED
    assert drift(most, listens(2))["tempo"].state is State.ALARM


def test_a_column_the_reference_could_not_fill_is_no_drift() -> None:
    found = drift(listens(1), listens(2).assign(tempo=None))
    assert found["tempo"].state is State.NOTE


def test_columns_on_one_side_only_are_noted_by_name() -> None:
    found = drift(listens(1).drop(columns="tempo"), listens(2).drop(columns="genre"))
    assert states(found, State.NOTE) == {"tempo", "genre"}


def test_no_rows_now_is_an_alarm_for_every_filled_column() -> None:
    found = drift(listens(1).iloc[:0], listens(2))
    assert states(found, State.ALARM) == {"plays_7d", "tempo", "genre", "explicit"}


def test_too_few_values_are_noted_and_not_compared() -> None:
    assert states(drift(listens(1, rows=20), listens(2)), State.NOTE) == {"plays_7d", "tempo", "genre", "explicit"}


def test_small_samples_of_one_distribution_are_not_drift() -> None:
    for seed in range(4):
        assert states(drift(listens(seed, rows=60), listens(seed + 100)), State.MOVED) == set()


def test_groups_with_rows_of_their_own_share_one_report_without_touching_each_other() -> None:
    features = compare_columns(listens(1), listens(2), "features", RULES)
    now, before = (pd.DataFrame({"score": np.random.default_rng(n).normal(n, 1, 300)}) for n in (3, 0))
    measured = measure(joined([features, compare_columns(now, before, "scores", RULES)]), RULES)
    moved = [f for f in measured.findings if f.state is State.MOVED]
    assert [(f.group, f.name) for f in moved] == [("scores", "score")]
    assert measured.html is not None
    assert "score" in measured.html


def test_the_same_samples_give_the_same_distances() -> None:
    assert drift(listens(1), listens(2)) == drift(listens(1), listens(2))
