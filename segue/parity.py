"""Whether two readings of the same features agree, value for value: offline beside online, training beside serving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Difference:
    """One value that differs: `row` is its position in both readings; a column on one side only has `row` -1."""

    feature: str
    row: int
    offline: Any
    online: Any


def differences(offline: Mapping[str, Sequence[Any]], online: Mapping[str, Sequence[Any]]) -> list[Difference]:
    """Every value in which two readings of the same n entities differ, by feature in name order and then by row.

    Values agree when they are equal; null and NaN both mean "nothing known" and agree; lists agree element by element;
    times agree as instants. There is no tolerance: both stores hold the same bits or one of them is wrong.

    Args:
        offline: feature name to values (n,), as the historical read gives them.
        online: the same from the online store.
    """
    found: list[Difference] = []
    for feature in sorted(offline.keys() | online.keys()):
        if feature not in offline or feature not in online:
            sides = ("absent", "present") if feature not in offline else ("present", "absent")
            found.append(Difference(feature, -1, *sides))
            continue
        left, right = [plain(v) for v in offline[feature]], [plain(v) for v in online[feature]]
        if len(left) != len(right):
            found.append(Difference(feature, -1, f"{len(left)} rows", f"{len(right)} rows"))
            continue
        found += [Difference(feature, row, a, b) for row, (a, b) in enumerate(zip(left, right, strict=True)) if a != b]
    return found


def plain(value: Any) -> Any:
    """`value` as Python's own type: NumPy scalars and arrays unpacked, null in any spelling as None, times as they are."""
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or (not isinstance(value, str | bytes) and not bool(value == value)):
        return None
    return value
