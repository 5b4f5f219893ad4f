"""Trees as bit vectors say what LightGBM says, to the last bit, and leave alone what they do not know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np
import pytest

from segue.ranker.opened import prediction_of
from segue.ranker.trees import QuickTrees, quick_trees


def _grown(rows: np.ndarray, **settings: Any) -> lightgbm.Booster:
    wanted = rows[:, 0] * (rows[:, 1] > 0.2) + np.abs(rows[:, 2]) - 0.3 * rows[:, 3] ** 2
    usual: dict[str, Any] = {"num_leaves": 16, "num_threads": 1, "verbose": -1, "min_data_in_leaf": 5}
    return lightgbm.train(usual | settings, lightgbm.Dataset(rows, wanted), 40)


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    numbers = np.random.default_rng(5).normal(size=(1_500, 6)).astype(np.float32)
    numbers[:, 4] = np.round(numbers[:, 4])  # many are equal to a threshold's neighbours
    return numbers


def _known(booster: lightgbm.Booster) -> QuickTrees:
    trees = quick_trees(booster)
    assert trees is not None
    return trees


def test_every_row_gets_the_same_value_to_the_last_bit(rows: np.ndarray) -> None:
    booster = _grown(rows)
    np.testing.assert_array_equal(_known(booster).predict(rows), booster.predict(rows, num_threads=1))


def test_numbers_right_at_a_threshold_go_where_lightgbm_sends_them(rows: np.ndarray) -> None:
    booster = _grown(rows)
    at = np.repeat(rows[:1], len(_known(booster).tests.threshold), axis=0)
    known = _known(booster)
    at[np.arange(len(at)), known.features[known.tests.column]] = known.tests.threshold
    for near in (at, np.nextafter(at, np.float32(np.inf)), np.nextafter(at, np.float32(-np.inf))):
        np.testing.assert_array_equal(known.predict(near), booster.predict(near, num_threads=1))


def test_a_number_that_is_none_counts_as_nothing(rows: np.ndarray) -> None:
    booster, holed = _grown(rows), rows.copy()
    holed[::3, 1] = np.nan
    np.testing.assert_array_equal(_known(booster).predict(holed), booster.predict(holed, num_threads=1))


def test_a_part_of_wider_rows_is_read_in_place(rows: np.ndarray) -> None:
    booster = _grown(rows)
    wider = np.concatenate([np.full((len(rows), 1), 99, np.float32), rows], axis=1)
    np.testing.assert_array_equal(_known(booster).predict(wider[:, 1:]), booster.predict(rows, num_threads=1))


def test_no_rows_and_trees_of_one_leaf_are_no_trouble(rows: np.ndarray) -> None:
    assert _known(_grown(rows)).predict(rows[:0]).shape == (0,)
    stump = _grown(rows, min_data_in_leaf=10_000)
    np.testing.assert_array_equal(_known(stump).predict(rows), stump.predict(rows, num_threads=1))


@pytest.mark.parametrize("settings", [{"num_leaves": 17}, {"linear_tree": True}])
def test_trees_of_another_kind_are_left_to_lightgbm(rows: np.ndarray, settings: dict[str, Any]) -> None:
    booster = _grown(rows, **settings)
    assert quick_trees(booster) is None
    np.testing.assert_array_equal(prediction_of(booster)(rows), booster.predict(rows, num_threads=1))


def test_missing_numbers_that_trees_have_learned_from_are_left_to_lightgbm(rows: np.ndarray) -> None:
    holed = rows.copy()
    holed[::3, 1] = np.nan
    assert quick_trees(_grown(holed)) is None


def test_a_test_that_keeps_the_wrong_leaves_shows(rows: np.ndarray) -> None:
    booster = _grown(rows)
    known = _known(booster)
    broken = replace(known, tests=known.tests._replace(keep=np.roll(known.tests.keep, 1)))
    assert not np.array_equal(broken.predict(rows), booster.predict(rows, num_threads=1))
