"""Large tables of a release, in memory once: NumPy and TensorFlow read the same.

TensorFlow copies an array that it is given, twice for a moment. What is handed over by DLPack stays where it is, if it begins
where TensorFlow's operations want it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ALIGNED = 64
"""Bytes at a multiple of which a tensor has to begin."""


def empty_table(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array with any numbers in it, that `as_tensor` can take."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    room = np.empty(size + ALIGNED, np.uint8)
    first = -room.ctypes.data % ALIGNED
    return room[first : first + size].view(dtype).reshape(shape)


def read_table(path: Path) -> npt.NDArray[Any]:
    """The array in a .npy file, as one that `as_tensor` can take. It is copied out of the file and not mapped: what was
    verified is what is served, whatever happens to the file."""
    found = np.load(path, mmap_mode="r", allow_pickle=False)
    table = empty_table(found.shape, found.dtype)
    table[...] = found
    return table


def as_tensor(values: npt.NDArray[Any]) -> Any:
    """A tensor in the processor's memory, over that of a contiguous array, which must not be written to any more.

    Raises:
        ValueError: the array is not contiguous, or begins where TensorFlow can't read it.
    """
    import tensorflow as tf

    if not values.size:
        return tf.constant(values)
    if values.ctypes.data % ALIGNED or not values.flags.c_contiguous:
        raise ValueError(f"an array for TensorFlow is contiguous and begins at a multiple of {ALIGNED} bytes: see empty_table")
    return tf.experimental.dlpack.from_dlpack(values.__dlpack__())
