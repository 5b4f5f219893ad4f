"""The price of popularity, beside the same search written with NumPy's own selection."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from serving.policy.popularity_ceiling import DEAREST, HALVINGS, _find_prices

Floats = npt.NDArray[np.float32]


def _price(value: Floats, open_: npt.NDArray[np.bool_], cost: Floats, habit: np.float32, count: int) -> np.float32:
    low, high, tried, price = np.float32(0), np.float32(DEAREST), np.float32(0), np.float32(0)
    for _ in range(HALVINGS + 1):
        loss = np.where(open_, tried * cost - value, np.float32(np.inf))
        last = np.partition(loss, count - 1)[count - 1] if count <= len(loss) else np.float32(np.inf)
        taken = loss < last
        taken[np.flatnonzero((loss == last) & open_)[: count - np.count_nonzero(taken)]] = True
        over = sum(map(float, cost[taken])) > habit * np.count_nonzero(taken)
        if tried == 0 and not over:
            break
        low, high = (tried, high) if over else (low, tried)
        price, tried = high, np.float32(0.5) * (low + high)
    return price


@pytest.mark.parametrize("tracks", [1, 2, 29, 30, 31, 400])
@pytest.mark.parametrize("ties", [False, True])
def test_prices_are_what_numpys_selection_finds(tracks: int, ties: bool) -> None:
    rng = np.random.default_rng(tracks)
    value = rng.normal(size=(40, tracks)).astype(np.float32)
    if ties:
        value = np.round(2 * value) / 2
    cost, habit = (6 * rng.random((40, tracks))).astype(np.float32), (5 * rng.random(40)).astype(np.float32)
    open_, price = rng.random((40, tracks)) < rng.random((40, 1)), np.zeros(40, np.float32)
    _find_prices(value, open_, cost, habit, 30, price)
    assert price.tolist() == [_price(*one, 30) for one in zip(value, open_, cost, habit, strict=True)]
    assert tracks < 29 or price.any()
