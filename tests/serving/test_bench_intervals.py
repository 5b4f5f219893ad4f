"""The interval that the serving bench draws around a percentile."""

from __future__ import annotations

import numpy as np
import pytest

from serving.load import interval


@pytest.mark.parametrize("count", [1, 10, 2_000])
@pytest.mark.parametrize("share", [0.5, 0.99])
def test_the_interval_holds_the_percentile_however_few_answers(count: int, share: float) -> None:
    ordered = np.sort(np.random.default_rng(3).exponential(size=count))
    low, high = interval(ordered, share)
    assert low <= round(float(np.percentile(ordered, 100 * share)), 2) <= high


def test_about_95_of_100_intervals_hold_the_true_percentile() -> None:
    samples = np.sort(np.random.default_rng(4).exponential(scale=100, size=(400, 1_000)))
    ends = np.array([interval(sample, 0.99) for sample in samples])
    held = (ends[:, 0] <= 100 * np.log(100)) & (100 * np.log(100) <= ends[:, 1])
    assert 0.91 <= held.mean() <= 0.99
