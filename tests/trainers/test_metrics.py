"""The metrics on examples worked out by hand, with the formulas of the project's reference scorer."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from trainers.evaluation import metrics
from trainers.interactions import NOTHING

# user 0 finds tracks 3 (place 1) and 1 (place 3) of three wanted; user 1 finds nothing; user 2 finds its one at place 2.
LISTS = np.array([[3, 0, 1], [4, 5, 2], [2, 6, NOTHING]])
TRUTH = sp.csr_matrix(
    (np.ones(6, np.float32), ([0, 0, 0, 1, 1, 2], [1, 3, 7, 0, 7, 6])),
    shape=(3, 8),
)
WANTED = np.array([3, 2, 1])


def test_recall_is_the_share_of_wanted_tracks_found() -> None:
    np.testing.assert_allclose(metrics.recall(metrics.hits(LISTS, TRUTH), WANTED), [2 / 3, 0, 1])


def test_ndcg_equals_the_hand_calculation() -> None:
    first = (1 / math.log2(2) + 1 / math.log2(4)) / (1 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4))
    expected = [first, 0, 1 / math.log2(3)]
    np.testing.assert_allclose(metrics.ndcg(metrics.hits(LISTS, TRUTH), WANTED), expected, rtol=1e-12)
    assert expected[0] == pytest.approx(0.70391809)


def test_nothing_at_the_end_of_a_list_is_no_hit_on_the_first_track() -> None:
    truth = sp.csr_matrix(([1.0], ([0], [0])), shape=(1, 3))
    assert not metrics.hits(np.array([[NOTHING, NOTHING]]), truth).any()


def test_more_wanted_tracks_than_places_can_still_score_one() -> None:
    truth = sp.csr_matrix(np.ones((1, 8), np.float32))
    assert metrics.ndcg(metrics.hits(np.array([[5, 1, 2]]), truth), np.array([8]))[0] == pytest.approx(1)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6, unique=True), st.sets(st.integers(0, 9), min_size=1))
def test_values_agree_with_the_reference_scorers_formulas(ranked: list[int], wanted: set[int]) -> None:
    k = 6
    discount = [1 / math.log2(rank + 2) for rank in range(k)]
    gains = [discount[rank] for rank, item in enumerate(ranked) if item in wanted]
    lists = np.array([ranked + [NOTHING] * (k - len(ranked))])
    truth = sp.csr_matrix((np.ones(len(wanted), np.float32), ([0] * len(wanted), sorted(wanted))), shape=(1, 10))
    hit, count = metrics.hits(lists, truth), np.array([len(wanted)])
    assert metrics.recall(hit, count)[0] == pytest.approx(len(gains) / len(wanted))
    assert metrics.ndcg(hit, count)[0] == pytest.approx(sum(gains) / sum(discount[: min(k, len(wanted))]))


def test_the_interval_holds_the_mean_and_narrows_with_more_users() -> None:
    values = np.random.default_rng(3).random(4_000)
    low, high = metrics.bootstrap_interval(values, seed=1)
    few_low, few_high = metrics.bootstrap_interval(values[:40], seed=1)
    assert low < values.mean() < high
    assert high - low < (few_high - few_low) / 5
    assert high - low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(4_000), rel=0.1)


def test_the_interval_is_the_same_for_the_same_seed_and_a_point_for_equal_values() -> None:
    values = np.random.default_rng(3).random(100)
    assert metrics.bootstrap_interval(values, seed=1) == metrics.bootstrap_interval(values, seed=1)
    assert metrics.bootstrap_interval(np.full(9, 0.25), seed=1) == (0.25, 0.25)


def test_the_interval_of_nobody_is_no_number() -> None:
    assert all(math.isnan(end) for end in metrics.bootstrap_interval(np.array([]), seed=1))


def test_the_interval_covers_the_true_mean_about_95_times_in_100() -> None:
    """500 samples of 200 users from a skewed distribution with mean 1; chance alone moves the share by 0.02."""
    samples = np.random.default_rng(8).exponential(size=(200, 500))
    ends = metrics.bootstrap_intervals(samples, seed=2, draws=400)
    assert np.mean((ends[:, 0] <= 1) & (ends[:, 1] >= 1)) == pytest.approx(0.945, abs=0.03)


def test_users_without_a_value_are_left_out_of_that_column_alone() -> None:
    values = np.random.default_rng(3).random((300, 3))
    values[::2, 1] = np.nan
    values[:, 2] = np.nan
    ends = metrics.bootstrap_intervals(values, seed=1)
    np.testing.assert_allclose(ends[0], metrics.bootstrap_interval(values[:, 0], seed=1))
    assert ends[1, 0] < np.nanmean(values[:, 1]) < ends[1, 1]
    assert np.isnan(ends[2]).all()


def test_every_draw_has_as_many_users_as_there_are_and_few_draws_are_held_at_once() -> None:
    parts = list(metrics.redrawn(50, seed=1, draws=7, width=1_000_000))
    assert [len(part) for part in parts] == [2, 2, 2, 1]
    assert all((part.sum(axis=1) == 50).all() for part in parts)
