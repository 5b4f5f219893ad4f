"""Large tables of a release as TensorFlow's tensors and NumPy's arrays, without a copy of their own.

TensorFlow copies an array that it is given, once or twice. What is handed over by DLPack stays where it is: in memory
mapped from the release's files, which all processes of a machine that open the release have once between them, or in an
`empty_table`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ALIGNED = 64
"""Bytes at a multiple of which TensorFlow's operations want a tensor to begin; a mapped .npy file does."""


def mapped(path: Path) -> npt.NDArray[Any]:
    """The array in a .npy file, read where it is used. Writing to it changes no file."""
    return np.asarray(np.load(path, mmap_mode="c", allow_pickle=False))


def empty_table(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array with any numbers in it, that `as_tensor` can take."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    room = np.empty(size + ALIGNED, np.uint8)
    first = -room.ctypes.data % ALIGNED
    return room[first : first + size].view(dtype).reshape(shape)


def as_tensor(values: npt.NDArray[Any]) -> Any:
    """A tensor over the memory of a contiguous array, which must not be written to any more.

    Raises:
        ValueError: the array begins where TensorFlow can't read it.
    """
    import tensorflow as tf

    if not values.size:
        return tf.constant(values)
    if values.ctypes.data % ALIGNED or not values.flags.c_contiguous:
        raise ValueError(f"an array for TensorFlow is contiguous and begins at a multiple of {ALIGNED} bytes: see empty_table")
    return tf.experimental.dlpack.from_dlpack(values.__dlpack__())
