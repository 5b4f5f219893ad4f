"""A model is called better when the interval of the difference says so, and by nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from trainers.evaluation.comparison import ComparisonRule, Verdict, compare

NOISE = np.random.default_rng(5).normal(scale=0.02, size=400)
STANDARD = (NOISE - NOISE.mean()) / (NOISE.std() / np.sqrt(len(NOISE)))  # in standard errors of its mean, which is zero
THEIRS = np.random.default_rng(6).uniform(0.2, 0.8, size=400)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        (-2.2, Verdict.WORSE),
        (-1.7, Verdict.UNSURE),
        (0.0, Verdict.UNSURE),
        (1.7, Verdict.UNSURE),
        (2.2, Verdict.BETTER),
    ],
)
def test_a_difference_counts_when_its_interval_leaves_zero_out(errors: float, expected: Verdict) -> None:
    found = compare(THEIRS + (STANDARD + errors) / 1_000, THEIRS)
    assert found.verdict is expected
    assert (found.low <= 0 <= found.high) == (expected is Verdict.UNSURE)
    assert found.low < found.mean < found.high


def test_pairs_show_what_two_intervals_side_by_side_would_hide() -> None:
    """The users differ by 0.6, the models by 0.005 for each of them."""
    assert compare(THEIRS + 0.005 + NOISE / 10, THEIRS).verdict is Verdict.BETTER
    assert compare(THEIRS[::-1] + 0.005, THEIRS).verdict is Verdict.UNSURE


def test_margin_and_tolerance_move_what_counts() -> None:
    better, worse = THEIRS + 0.005, THEIRS - 0.005
    assert compare(better, THEIRS, ComparisonRule(margin=0.01)).verdict is Verdict.UNSURE
    assert compare(worse, THEIRS).verdict is Verdict.WORSE
    assert compare(worse, THEIRS, ComparisonRule(tolerance=0.01)).verdict is Verdict.UNSURE


def test_a_handful_of_users_proves_nothing_however_far_apart() -> None:
    assert compare(np.full(29, 0.9), np.full(29, 0.1)).verdict is Verdict.UNSURE
    assert compare(np.full(30, 0.9), np.full(30, 0.1)).verdict is Verdict.BETTER


def test_pairs_without_a_number_do_not_count_and_nobody_gives_no_nan() -> None:
    ours = np.where(np.arange(400) < 375, np.nan, 0.9)
    assert compare(ours, np.full(400, 0.1)).users == 25
    assert compare(ours, np.full(400, 0.1)).verdict is Verdict.UNSURE
    nobody = compare(np.full(3, np.nan), np.zeros(3)).as_dict()
    assert nobody == {"mean": None, "low": None, "high": None, "users": 0, "verdict": "unsure"}
