"""LightGBM's trees as bit vectors, so that a processor tests sixteen candidates at a time instead of walking one down a tree.

QuickScorer (Lucchese et al. 2015, "QuickScorer: a fast algorithm to rank documents with additive ensembles of regression
trees"): every tree has a bit for each of its leaves, from left to right. A test that fails clears the leaves of its left
branch, whatever the other tests say; the lowest bit that is left is where the row ends. So each test of a tree runs over a
column of rows, and nothing waits for the one before. Values are added in the order of the trees, in double precision, as
LightGBM adds them: the answers are the same to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.compiled import compiled

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
MOST_LEAVES = 16
ROWS_AT_ONCE = 256
"""Rows whose columns and bits stay in the nearest cache together."""


@dataclass(frozen=True)
class QuickTrees:
    """The tests (s,) of all trees, tree after tree, and the `value` of every leaf (trees, `MOST_LEAVES`).

    A row whose `column` is above the `threshold` of a test keeps, of the leaves of its tree, those in `keep`. The tests of a
    tree begin at `first` (trees + 1,) and end where those of the next begin. `features` (f,) are the columns any test looks
    at, to which `column` counts.
    """

    features: npt.NDArray[np.int32]
    column: npt.NDArray[np.int32]
    threshold: Floats
    keep: npt.NDArray[np.uint16]
    first: npt.NDArray[np.int32]
    value: Doubles

    def predict(self, rows: Floats) -> Doubles:
        """The sum of the trees' values (n,) for rows (n, f) of LightGBM's features; NaN counts as 0, as there."""
        out = np.zeros(len(rows))
        tests = self.features, self.column, self.threshold, self.keep, self.first, self.value
        _predict(rows, *tests, out)
        return out


def quick_trees(booster: Any) -> QuickTrees | None:
    """The trees of a booster; None where they are of a kind that this does not know: more than `MOST_LEAVES` leaves,
    categories, numbers that are missing, or leaves with a formula."""
    trees = [info["tree_structure"] for info in booster.dump_model()["tree_info"]]
    tests: list[tuple[int, np.float32, int]] = []
    first = [0]
    value = np.zeros((len(trees), MOST_LEAVES))
    for number, root in enumerate(trees):
        leaves = _leaves(root)
        if len(leaves) > MOST_LEAVES or not _plain(root):
            return None
        value[number, : len(leaves)] = leaves
        _collect(root, 0, tests)
        first.append(len(tests))
    features = sorted({test[0] for test in tests})
    column = [features.index(test[0]) for test in tests]
    return QuickTrees(
        np.array(features, np.int32),
        np.array(column, np.int32),
        np.array([test[1] for test in tests], np.float32),
        np.array([test[2] for test in tests], np.uint16),
        np.array(first, np.int32),
        value,
    )


def _plain(node: dict[str, Any]) -> bool:
    """Whether every test below is `number <= threshold` with nothing missing, and every leaf a number."""
    if "split_feature" not in node:
        return "leaf_const" not in node
    fine = node["decision_type"] == "<=" and node["missing_type"] == "None"
    return fine and _plain(node["left_child"]) and _plain(node["right_child"])


def _leaves(node: dict[str, Any]) -> list[float]:
    """The values of the leaves from left to right."""
    if "split_feature" not in node:
        return [node["leaf_value"]]
    return [*_leaves(node["left_child"]), *_leaves(node["right_child"])]


def _collect(node: dict[str, Any], first: int, tests: list[tuple[int, np.float32, int]]) -> int:
    """Add the tests below a node whose leaves begin at bit `first`; the bit after its last leaf."""
    if "split_feature" not in node:
        return first + 1
    middle = _collect(node["left_child"], first, tests)
    left = (1 << middle) - (1 << first)
    tests.append((node["split_feature"], _below(node["threshold"]), 0xFFFF & ~left))
    return _collect(node["right_child"], middle, tests)


def _below(threshold: float) -> np.float32:
    """The largest float32 that is not above a threshold: a float32 passes the one exactly if it passes the other."""
    near = np.float32(threshold)
    return near if float(near) <= threshold else np.nextafter(near, np.float32(-np.inf))


@compiled
def _predict(
    rows: Floats,
    features: npt.NDArray[np.int32],
    column: npt.NDArray[np.int32],
    threshold: Floats,
    keep: npt.NDArray[np.uint16],
    first: npt.NDArray[np.int32],
    value: Doubles,
    out: Doubles,
) -> None:
    """Add the values of `rows` (n, f) to `out` (n,), `ROWS_AT_ONCE` rows at a time; what stands after the last is not read."""
    columns = np.empty((len(features), ROWS_AT_ONCE), np.float32)
    left = np.empty(ROWS_AT_ONCE, np.uint16)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        count = min(ROWS_AT_ONCE, len(rows) - start)
        for row in range(count):
            for place in range(len(features)):
                number = rows[start + row, features[place]]
                columns[place, row] = np.float32(0) if np.isnan(number) else number
        for number in range(len(value)):
            left[:] = np.uint16(0xFFFF)
            for test in range(first[number], first[number + 1]):
                numbers, limit, kept = columns[column[test]], threshold[test], keep[test]
                for row in range(ROWS_AT_ONCE):
                    left[row] &= kept if numbers[row] > limit else np.uint16(0xFFFF)
            values = value[number]
            for row in range(count):
                lowest = np.float32(left[row] & (~left[row] + np.uint16(1)))  # a power of two: its exponent is the leaf
                out[start + row] += values[(lowest.view(np.int32) >> 23) - 127]
