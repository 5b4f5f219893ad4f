"""From feature columns to model inputs, one way for training, batch and live.

No arithmetic happens here: a null float becomes NaN, a null string the empty string, a list is cut or padded to its
length. What those mean is decided by layers saved inside the models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from segue.errors import SegueError


@dataclass(frozen=True)
class TensorSpec:
    """One model input: `length` None for a scalar per row (n,), else a padded list (n, length)."""

    name: str
    kind: Literal["float", "int", "string"]
    length: int | None = None


_DTYPES: dict[str, Any] = {"float": np.float32, "int": np.int64, "string": object}
_PADDING: dict[str, Any] = {"float": np.nan, "int": -1, "string": ""}


def to_tensors(columns: Mapping[str, Sequence[Any]], specs: Sequence[TensorSpec]) -> dict[str, npt.NDArray[Any]]:
    """Arrays for every spec, from columns of equal length n (lists, NumPy arrays or pandas series).

    Raises:
        SegueError: a column is missing.
    """
    missing = [spec.name for spec in specs if spec.name not in columns]
    if missing:
        raise SegueError(
            expected=f"the feature columns {', '.join(spec.name for spec in specs)}",
            received=f"rows without {', '.join(missing)}",
            mend="run `segue features` again, or promote a release trained on the present feature service",
        )
    return {spec.name: _tensor(columns[spec.name], spec) for spec in specs}


def _tensor(values: Sequence[Any], spec: TensorSpec) -> npt.NDArray[Any]:
    if spec.length is None:
        return _scalars(values, spec)
    rows = list(values)
    out = np.full((len(rows), spec.length), _PADDING[spec.kind], dtype=_DTYPES[spec.kind])
    vectors = [row for row, items in enumerate(rows) if spec.kind == "float" and _is_whole(items, spec.length)]
    if vectors:
        out[vectors] = np.stack([rows[row] for row in vectors])
    for row in sorted(set(range(len(rows))).difference(vectors)):
        items = rows[row]
        if not is_list(items):
            continue
        out[row, : len(items)] = _without_nulls(items[: spec.length], spec)
    return out


def _without_nulls(items: Any, spec: TensorSpec) -> Any:
    """A list with what stands for a null in place of each: None, or among whole numbers NaN, as pandas writes it."""
    if isinstance(items, np.ndarray) and items.dtype.kind != "O":
        whole = spec.kind == "int" and items.dtype.kind == "f"
        return np.where(np.isnan(items), _PADDING["int"], items) if whole else items
    given = items.tolist() if isinstance(items, np.ndarray) else items
    return [_PADDING[spec.kind] if item is None else item for item in given] if None in given else items


def is_list(value: Any) -> bool:
    """Whether a feature holds a list; a null is None, or NaN as pandas writes it."""
    return isinstance(value, list | tuple | np.ndarray)


def _is_whole(items: Any, length: int) -> bool:
    """Whether `items` are numbers as they are, with nothing to cut, pad or fill in; a hundred thousand vectors are."""
    return isinstance(items, np.ndarray) and items.dtype.kind == "f" and items.shape == (length,)


def _scalars(values: Sequence[Any], spec: TensorSpec) -> npt.NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind in "fiub" and spec.kind != "string":
        if spec.kind == "int" and array.dtype.kind == "f":
            array = np.where(np.isnan(array), _PADDING["int"], array)
        return array.astype(_DTYPES[spec.kind])
    padding = _PADDING[spec.kind]
    filled = [padding if value is None or value != value else value for value in values]
    return np.array(filled, dtype=_DTYPES[spec.kind])
