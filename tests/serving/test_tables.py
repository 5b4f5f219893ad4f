"""Tables of a release reach TensorFlow without a copy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from serving.funnel.tables import as_tensor, empty_table, read_table


@pytest.mark.parametrize(
    ("shape", "dtype"), [((1_000, 3), np.float32), ((7,), np.int32), ((2, 5, 2), np.float32), ((0, 4), np.float32)]
)
def test_a_tensor_has_the_values_and_the_memory_of_its_table(shape: tuple[int, ...], dtype: type) -> None:
    table = empty_table(shape, dtype)
    table[...] = np.arange(table.size).reshape(shape)
    tensor = as_tensor(table)
    np.testing.assert_array_equal(tensor, table)
    if table.size:
        table.flat[0] = 41  # forbidden, and seen: the memory is one
        assert tf.reshape(tensor, [-1])[0] == 41


def test_a_table_outlives_whoever_made_it() -> None:
    tensor = as_tensor(_filled())
    for _ in range(5):
        np.ones(300_000, np.float32)  # what would take its place, were it free
    assert (tensor.numpy() == 7).all()


def _filled() -> np.ndarray:
    table = empty_table((100_000, 3), np.float32)
    table[...] = 7
    return table


@pytest.mark.parametrize("rows", [0, 1_000])
def test_what_was_read_of_a_file_stays_what_it_was(tmp_path: Path, rows: int) -> None:
    path, values = tmp_path / "t.npy", np.arange(rows * 3, dtype=np.float32).reshape(rows, 3)
    np.save(path, values)
    tensor = as_tensor(read_table(path))
    with path.open("r+b") as file:
        file.truncate(0)
    np.testing.assert_array_equal(tensor, values)


def test_an_array_that_begins_anywhere_is_refused() -> None:
    with pytest.raises(ValueError, match="empty_table"):
        as_tensor(empty_table((64,), np.float32)[1:])
    with pytest.raises(ValueError, match="contiguous"):
        as_tensor(empty_table((64, 64), np.float32)[:, :32])
