"""What a page of figures is made of: bars with their intervals, and lines. `segue.charts` draws them; nothing here does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """One row of a panel: a value with its 95 % interval, as far as it has one; `ours` is drawn in colour. A value that is
    None or not finite is a dash."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    ours: bool = False


@dataclass(frozen=True)
class Bars:
    """One measure of several things, a row each, the first on top.

    Args:
        title: what is measured.
        unit: what the axis counts, and which side is better.
        rows: what is compared.
        from_zero: bars from zero; else points on an axis that begins where the values do, for what is never near zero.
        form: how a value is written, as in `format`.
        mark: a value to draw a dashed line at, a bar to reach for example; say in `unit` what it is.
    """

    title: str
    unit: str
    rows: Sequence[Bar]
    from_zero: bool = True
    form: str = ".4f"
    mark: float | None = None


@dataclass(frozen=True)
class Line:
    """One series: y over x, with a band from `low` to `high` where it has one; `ours` is drawn bold."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    ours: bool = False


@dataclass(frozen=True)
class Lines:
    """Series over a common axis; a logarithmic one where `log_x` or `log_y` says so."""

    title: str
    x_unit: str
    y_unit: str
    lines: Sequence[Line]
    log_x: bool = False
    log_y: bool = False
    mark: float | None = None


Panel = Bars | Lines
