"""Feature columns to model inputs: one result however the columns arrive."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from segue.errors import SegueError
from segue.tensors import TensorSpec, to_tensors


def one(values: Any, spec: TensorSpec) -> Any:
    return to_tensors({spec.name: values}, [spec])[spec.name]


@pytest.mark.parametrize(
    "values",
    [[1.5, None, 0.0], [1.5, float("nan"), 0.0], np.array([1.5, np.nan, 0.0]), pd.Series([1.5, None, 0.0], index=[9, 4, 7])],
)
def test_a_null_float_is_nan(values: Any) -> None:
    array = one(values, TensorSpec("rate", "float"))
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, np.array([1.5, np.nan, 0.0], np.float32))


@pytest.mark.parametrize("values", [[3, None, 0], np.array([3.0, np.nan, 0.0]), pd.Series([3, None, 0])])
def test_a_null_int_is_minus_one(values: Any) -> None:
    array = one(values, TensorSpec("plays", "int"))
    assert array.dtype == np.int64
    assert array.tolist() == [3, -1, 0]


@pytest.mark.parametrize("values", [[3, None, 0], np.array([3.0, np.nan, 0.0]), np.array([3, None, 0], dtype=object)])
def test_a_null_in_a_list_of_ints_is_minus_one(values: Any) -> None:
    assert one([values, None], TensorSpec("outcomes", "int", 4)).tolist() == [[3, -1, 0, -1], [-1] * 4]


@pytest.mark.parametrize("values", [["DE", None, ""], pd.Series(["DE", None, ""]), np.array(["DE", None, ""], dtype=object)])
def test_a_null_string_is_the_empty_one(values: Any) -> None:
    array = one(values, TensorSpec("territory", "string"))
    assert array.dtype == object
    assert array.tolist() == ["DE", "", ""]


@pytest.mark.parametrize("values", [[True, None, False], pd.Series([True, None, False])])
def test_a_null_boolean_as_float_is_nan(values: Any) -> None:
    np.testing.assert_array_equal(one(values, TensorSpec("explicit", "float")), np.array([1, np.nan, 0], np.float32))


def test_lists_are_cut_and_padded() -> None:
    values = [["a", "b", "c"], ["d"], [], None, float("nan"), np.array(["e", None], dtype=object)]
    array = one(values, TensorSpec("recent", "string", 2))
    assert array.tolist() == [["a", "b"], ["d", ""], ["", ""], ["", ""], ["", ""], ["e", ""]]
    shares = one([np.array([0.5, 0.25]), None], TensorSpec("shares", "float", 3))
    np.testing.assert_array_equal(shares, np.array([[0.5, 0.25, np.nan], [np.nan] * 3], np.float32))
    assert one([[1, 2], None], TensorSpec("counts", "int", 2)).tolist() == [[1, 2], [-1, -1]]


def test_rows_as_feast_gives_them_online_and_offline_make_the_same_tensors() -> None:
    specs = [
        TensorSpec("plays", "int"),
        TensorSpec("rate", "float"),
        TensorSpec("who", "string"),
        TensorSpec("list", "float", 2),
    ]
    online = {"plays": [1, None], "rate": [0.5, None], "who": ["x", None], "list": [[1.0], None]}
    offline = pd.DataFrame({"plays": [1, None], "rate": [0.5, None], "who": ["x", None], "list": [np.array([1.0]), None]})
    for name, array in to_tensors(online, specs).items():
        np.testing.assert_array_equal(array, to_tensors({str(n): offline[n] for n in offline}, specs)[name])


def test_no_rows_give_empty_tensors() -> None:
    tensors = to_tensors({"a": [], "b": []}, [TensorSpec("a", "float"), TensorSpec("b", "string", 4)])
    assert {name: array.shape for name, array in tensors.items()} == {"a": (0,), "b": (0, 4)}


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SegueError, match="rows without rate, who"):
        to_tensors({"plays": [1]}, [TensorSpec("plays", "int"), TensorSpec("rate", "float"), TensorSpec("who", "string")])
