"""A chart of a month becomes one of now by what was played lately."""

from __future__ import annotations

import numpy as np

from segue.trending import lately


def test_the_share_of_the_last_week_is_drawn_towards_a_quarter_where_plays_are_few() -> None:
    np.testing.assert_allclose(lately([0, 3, 99, 0], [0, 4, 196, 196]), [0.25, 0.5, 0.5, 1 / 200])
