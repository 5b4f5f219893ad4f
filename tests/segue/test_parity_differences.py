"""The comparison that parity rests on: exact, and blind only to the spelling of null."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segue.parity import Difference, differences

NAN = float("nan")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (3, np.int64(3)),
        (3, 3.0),
        (0.1, np.float64(0.1)),
        (True, np.bool_(True)),
        ("DE", np.str_("DE")),
        (None, NAN),
        (None, np.float64("nan")),
        (NAN, math.nan),
        (None, pd.NaT),
        ([], np.array([])),
        (["a", "b"], np.array(["a", "b"], dtype=object)),
        ([1.0, None], np.array([1.0, NAN])),
        (datetime(2026, 11, 16, 1, tzinfo=UTC), datetime(2026, 11, 16, 2, tzinfo=timezone(timedelta(hours=1)))),
    ],
)
def test_equal_values_agree_however_they_are_spelt(one: Any, other: Any) -> None:
    assert differences({"f": [one]}, {"f": [other]}) == []
    assert differences({"f": [other]}, {"f": [one]}) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (3, 4),
        (0.1 + 0.2, 0.3),
        (0, None),
        (0.0, NAN),
        ("", None),
        (False, None),
        ([], None),
        ([None], []),
        (["a", "b"], ["b", "a"]),
        (["a", "b"], ["a"]),
        ([1.0, 2.0], [1.0, NAN]),
        ("1", 1),
        (np.float32(0.1), 0.1),
    ],
)
def test_different_values_are_found(one: Any, other: Any) -> None:
    found = differences({"f": [1, one]}, {"f": [1, other]})
    assert [(d.feature, d.row) for d in found] == [("f", 1)]


def test_a_difference_shows_both_values_in_name_order_then_by_row() -> None:
    found = differences({"b": [1, 2], "a": [1, None]}, {"b": [2, 1], "a": [1, 5]})
    assert found == [Difference("a", 1, None, 5), Difference("b", 0, 1, 2), Difference("b", 1, 2, 1)]


def test_a_feature_on_one_side_only_is_a_difference() -> None:
    assert differences({"a": [1]}, {"b": [1]}) == [
        Difference("a", -1, "present", "absent"),
        Difference("b", -1, "absent", "present"),
    ]


def test_readings_of_other_lengths_are_a_difference() -> None:
    assert differences({"a": [1, 2]}, {"a": [1]}) == [Difference("a", -1, "2 rows", "1 rows")]


def test_pandas_columns_are_taken_as_they_are() -> None:
    frame = pd.DataFrame({"rate": [0.5, None], "tracks": [["t1"], None]})
    assert differences({name: frame[name] for name in frame}, {"rate": [0.5, None], "tracks": [["t1"], None]}) == []
