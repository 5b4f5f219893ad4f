"""A chart of a month becomes one of now by what was played lately."""

from __future__ import annotations

import numpy as np

from segue.trending import chart, lately


def test_the_share_of_the_last_week_is_drawn_towards_a_quarter_where_plays_are_few() -> None:
    np.testing.assert_allclose(lately([0, 3, 99, 0], [0, 4, 196, 196]), [0.25, 0.5, 0.5, 1 / 200])


def test_after_a_week_in_which_nobody_played_anything_the_chart_is_that_of_the_month() -> None:
    here, month = np.array([1_000, 400, 10, 8], np.float32), np.array([20_000, 5_000, 10, 8], np.float32)
    assert chart(here, month, lately([0, 0, 0, 0], month)).tolist() == [0, 1, 2, 3]


def test_a_chart_goes_by_the_territory_then_by_the_world_then_by_place() -> None:
    here, month = np.array([0, 9, 9, 0, 0], np.float32), np.array([5, 20, 20, 19, 5], np.float32)
    share = np.array([0.9, 0.2, 0.6, 0.2, 0.9], np.float32)
    assert chart(here, month, share).tolist() == [2, 1, 0, 4, 3]
