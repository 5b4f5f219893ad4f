"""The interval that the serving bench draws around a percentile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from segue.errors import SegueError
from serving.benches.load import interval
from serving.benches.serving import bench_serving


@pytest.mark.parametrize("asked", [{"rate": 0}, {"rate": 3_000}, {"users": 0}, {"scale": 0.0}, {"scale": -1.0}])
def test_a_bench_out_of_bounds_is_refused_before_anything_is_measured(asked: dict[str, Any]) -> None:
    with pytest.raises(SegueError, match="--rate or --scale"):
        bench_serving(**{"scale": 1.0} | asked)


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
