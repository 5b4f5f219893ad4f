"""Where every kind of ranker begins: a weighted sum of the numbers, fitted to the lists as one softmax each.

A few hundred lists are learned by heart by a network or by trees, and a sum of twenty numbers is not. So the sum is fitted
first, drawn towards the retriever's own score, and network and trees learn what it lacks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from segue.errors import SegueError
from segue.ranker.crosses import COMMON
from trainers.ranker.inputs import RankerInputs
from trainers.ranker.rows import ordering, starts

if TYPE_CHECKING:
    from trainers.examples import Catalogue
    from trainers.ranker.lists import Lists

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
OUTSIDE, SMALLEST = -1e9, 1e-6


@dataclass(frozen=True)
class StartConfig:
    """Half of `ridge` times the squared weight of every number, in deviations, is added to the sum of the losses of at most
    `lists` lists: beside a hundred successes that is much, beside thousands little."""

    ridge: float = 30.0
    lists: int = 1_000
    iterations: int = 100


@dataclass(frozen=True)
class Told:
    """n lists of c: the numbers (n, c, f) in deviations, the retriever's logits (n, c), what succeeded (n, c) and what was
    `listed` (n, c)."""

    numbers: Floats
    logits: Floats
    success: Doubles
    listed: npt.NDArray[np.bool_]


def fit_start(inputs: RankerInputs, lists: Lists, catalogue: Catalogue, config: StartConfig, *, seed: int) -> None:
    """Let `inputs` begin at the sum that orders `lists`; where nobody liked anything, at the retriever's own order.

    Raises:
        SegueError: a number is none.
    """
    useful = np.flatnonzero(successes(lists).any(axis=1))
    if not len(useful):
        return
    some = lists.some(np.random.default_rng(seed).permutation(useful)[: config.lists])
    numbers, logits = ordering(inputs, some, catalogue), starts(inputs, some, catalogue)
    if not np.isfinite(numbers).all():
        raise SegueError(
            expected="numbers of users and tracks that are finite",
            received="one that is not",
            mend="look for absurd values in the features of this day",
        )
    deviation = numbers[some.retrieved].std(axis=0)
    scale = np.where(deviation > SMALLEST, 1.0 / np.maximum(deviation, SMALLEST), 0.0).astype(np.float32)
    told = Told(numbers * scale, logits, successes(some), some.retrieved)
    weights = fitted(told, config.ridge, config.iterations)
    common, track = np.split((weights[1:] * scale).astype(np.float32), [COMMON])
    inputs.begin_at(float(weights[0]), common, track)


def successes(lists: Lists) -> Doubles:
    """What succeeded (n, c) of what was retrieved."""
    return np.where(lists.retrieved, lists.success, 0.0).astype(np.float64)


def fitted(told: Told, ridge: float, iterations: int, bounds: list[tuple[float, float]] | None = None) -> Doubles:
    """The weight of the logits, drawn towards 1, and those of the numbers, drawn towards 0: (1 + f,), each within its
    `bounds`."""
    from scipy.optimize import minimize

    origin = np.eye(1, 1 + told.numbers.shape[2])[0]

    def penalised(weights: Doubles) -> tuple[float, Doubles]:
        value, gradient = loss(weights, told)
        away = weights - origin
        return value + ridge / 2 * float(away @ away), gradient + ridge * away

    found: Doubles = minimize(penalised, origin, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": iterations}).x
    return found


def loss(weights: Doubles, told: Told) -> tuple[float, Doubles]:
    """Softmax cross-entropy of the successes over each list (ListNet, Cao et al. 2007), summed, and its gradient (1 + f,)."""
    value = weights[0] * told.logits + told.numbers @ weights[1:].astype(np.float32)
    value = np.where(told.listed, value, OUTSIDE).astype(np.float64)
    value -= value.max(axis=1, keepdims=True)
    share = np.exp(value)
    total = share.sum(axis=1, keepdims=True)
    share /= total
    lost = told.success.sum(axis=1, keepdims=True) * share - told.success
    said = float((told.success * (np.log(total) - value))[told.listed].sum())
    gradient = np.einsum("nc,ncf->f", lost.astype(np.float32), told.numbers, optimize=True).astype(np.float64)
    return said, np.concatenate([[float((lost * told.logits).sum())], gradient])
