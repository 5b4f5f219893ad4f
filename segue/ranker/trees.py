"""LightGBM's trees as bit vectors, so that a processor tests sixteen candidates at a time instead of walking one down a tree.

QuickScorer (Lucchese et al. 2015, "QuickScorer: a fast algorithm to rank documents with additive ensembles of regression
trees"): every tree has a bit for each of its leaves, from left to right. A test that fails clears the leaves of its left
branch, whatever the other tests say; the lowest bit that is left is where the row ends. So each test of a tree runs over a
column of rows, and nothing waits for the one before. Values are added in the order of the trees, in double precision, as
LightGBM adds them: the answers are the same to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segue.compiled import compiled
from segue.ranker.crosses import Codes, Floats

Doubles = npt.NDArray[np.float64]
Bits = npt.NDArray[np.uint16]
MOST_LEAVES, LANES = 16, 16
EVERY_LEAF = np.uint16(0xFFFF)
ROWS_AT_ONCE = 256
"""Rows whose columns and bits stay in the nearest cache together."""


class Tests(NamedTuple):
    """Tests (s,) of all trees, tree after tree, and the `value` of every leaf (trees, `MOST_LEAVES`).

    A row whose `column` is above the `threshold` of a test keeps, of the leaves of its tree, those in `keep`. The tests of a
    tree begin at `first` (trees + 1,) and end where those of the next begin.
    """

    column: Codes
    threshold: Floats
    keep: Bits
    first: Codes
    value: Doubles


@dataclass(frozen=True)
class QuickTrees:
    """All `tests` of some trees. `features` (f,) are the columns any of them looks at, to which their `column` counts."""

    features: Codes
    tests: Tests

    def predict(self, rows: Floats) -> Doubles:
        """The sum of the trees' values (n,) for rows (n, f) of LightGBM's features; NaN counts as 0, as there."""
        out = np.zeros(len(rows))
        _predict(rows, self.features, self.tests, out)
        return out

    def of(self, wanted: npt.NDArray[np.bool_]) -> QuickTrees:
        """Only the tests of the `wanted` (f,) of the features, of every tree."""
        tests, kept = self.tests, wanted[self.tests.column]
        first = np.concatenate([[0], np.cumsum(kept)])[tests.first].astype(np.int32)
        column = (np.cumsum(wanted) - 1)[tests.column[kept]].astype(np.int32)
        return QuickTrees(self.features[wanted], Tests(column, tests.threshold[kept], tests.keep[kept], first, tests.value))


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
    threshold, keep = np.array([test[1] for test in tests], np.float32), np.array([test[2] for test in tests], np.uint16)
    every = Tests(np.array(column, np.int32), threshold, keep, np.array(first, np.int32), value)
    return QuickTrees(np.array(features, np.int32), every)


def no_trees() -> QuickTrees:
    """Trees that add nothing."""
    nothing = np.empty(0, np.int32)
    tests = Tests(nothing, np.empty(0, np.float32), np.empty(0, np.uint16), np.zeros(1, np.int32), np.empty((0, MOST_LEAVES)))
    return QuickTrees(nothing, tests)


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
def _predict(rows: Floats, features: npt.NDArray[np.int32], tests: Tests, out: Doubles) -> None:
    """Add the values of `rows` (n, f) to `out` (n,), `ROWS_AT_ONCE` rows at a time."""
    columns = np.zeros((len(features), ROWS_AT_ONCE), np.float32)
    begun = np.full(len(tests.value), EVERY_LEAF, np.uint16)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        count = min(ROWS_AT_ONCE, len(rows) - start)
        for row in range(count):
            for place in range(len(features)):
                number = rows[start + row, features[place]]
                columns[place, row] = np.float32(0) if np.isnan(number) else number
        add_values(columns, tests, begun, out[start : start + count])


@compiled
def begin(numbers: Floats, tests: Tests, begun: Bits) -> None:
    """The leaves `begun` (trees,) that a row may still end in once its `numbers` (f,) are looked at."""
    for number in range(len(begun)):
        begun[number] = EVERY_LEAF
        for test in range(tests.first[number], tests.first[number + 1]):
            if numbers[tests.column[test]] > tests.threshold[test]:
                begun[number] &= tests.keep[test]


@compiled
def add_values(columns: Floats, tests: Tests, begun: Bits, out: Doubles) -> None:
    """Add the values of rows to `out` (n,), from `columns` (f, at least n and a multiple of `LANES`) of the numbers that are
    looked at, whatever stands after the last row. Of each tree the leaves `begun` (trees,) are still there."""
    width = (len(out) + LANES - 1) // LANES * LANES
    left, leaf = np.empty(width, np.uint16), np.empty(width, np.int32)
    for number in range(len(tests.value)):
        left[:] = begun[number]
        for test in range(tests.first[number], tests.first[number + 1]):
            numbers, limit, kept = columns[tests.column[test]], tests.threshold[test], tests.keep[test]
            for row in range(width):
                left[row] &= kept if numbers[row] > limit else EVERY_LEAF
        for row in range(width):
            lowest = np.float32(left[row] & (~left[row] + np.uint16(1)))  # a power of two: its exponent is the leaf
            leaf[row] = (lowest.view(np.int32) >> 23) - 127
        values = tests.value[number]
        for row in range(len(out)):
            out[row] += values[leaf[row]]
