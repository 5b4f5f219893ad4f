"""How a bench shows its figures: one page of panels as a PNG beside its table, drawn alike in every room.

Nothing here knows what is measured. Matplotlib is imported when a page is drawn, and a page is a `Figure` of its own with the
settings below (a PNG is drawn by Agg), so the same figures are the same bytes wherever the lock is the same. The colours are
those of Okabe and Ito (2008), which people who do not tell red from green tell apart; ours is also the bold one.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from segue.atomic import replacing_file
from segue.errors import SegueError
from segue.panels import Bar, Bars, Lines, Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OURS, OTHER, DOT, INK, FAINT = "#0072B2", "#B8BEC5", "#7B838C", "#22272E", "#6B7280"
SERIES = ("#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6B7280")
DASHED = (0, (3, 2))
PANEL_WIDTH, DPI = 6.0, 130
STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": "#E8EAED",
    "axes.edgecolor": OTHER,
    "axes.axisbelow": True,
    **dict.fromkeys(("axes.titlecolor", "ytick.color", "text.color"), INK),
    **dict.fromkeys(("axes.labelcolor", "xtick.color"), FAINT),
}


def draw_page(path: Path, title: str, panels: Sequence[Panel], *, note: str = "") -> Path:
    """Draw `panels`, two in a row, and put the PNG at `path`, all or nothing; gives `path` back.

    Raises:
        SegueError: `path` is no .png, or there is nothing to draw.
    """
    if path.suffix != ".png" or not panels:
        raise SegueError(
            expected="a path that ends in .png and at least one panel",
            received=f"{path.name} and {len(panels)} panels",
            mend="name the picture .png and measure something first",
        )
    with replacing_file(path) as temporary:
        temporary.write_bytes(page_bytes(title, panels, note=note))
    return path


def page_bytes(title: str, panels: Sequence[Panel], *, note: str = "") -> bytes:
    """The PNG of a page; the same arguments give the same bytes."""
    import matplotlib

    content = io.BytesIO()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(cast(Any, STYLE))
        page = _page(title, panels, note)
        # Without this Matplotlib writes its own version into the file.
        page.savefig(content, format="png", dpi=DPI, metadata={"Software": None}, facecolor="white")
    return content.getvalue()


def _page(title: str, panels: Sequence[Panel], note: str) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    heights = [max(_height(panel) for panel in panels[at : at + columns]) for at in range(0, len(panels), columns)]
    head, foot = 0.62, 0.3 + 0.17 * len(note.splitlines())
    size = (PANEL_WIDTH * columns, sum(heights) + head + foot)
    inside = (0, foot / size[1], 1, 1 - (head + foot) / size[1])
    page = Figure(figsize=size, layout=ConstrainedLayoutEngine(rect=inside, w_pad=0.18, h_pad=0.1))
    page.text(0.18 / size[0], 1 - 0.2 / size[1], title, size=13, weight="bold", va="top")
    page.text(0.18 / size[0], 0.14 / size[1], note, size=8, color=FAINT, va="bottom", linespacing=1.4)
    places = page.subplots(rows, columns, squeeze=False, gridspec_kw={"height_ratios": heights}).ravel()
    for axes, panel in zip(places, panels, strict=False):
        _draw(axes, panel)
    for axes in places[len(panels) :]:
        axes.set_visible(False)
    _legends(page, dict(zip(places, panels, strict=False)))
    return page


def _legends(page: Figure, drawn: Mapping[Axes, Panel]) -> None:
    """Which line is which: once beside the title where every panel has the same lines, else in each panel."""
    lines = {axes: axes.get_legend_handles_labels() for axes, panel in drawn.items() if isinstance(panel, Lines)}
    several = {axes: found for axes, found in lines.items() if len(found[1]) > 1}
    if len(several) == len(drawn) > 1 and len({tuple(names) for _, names in several.values()}) == 1:
        handles, names = next(iter(several.values()))
        at = (1 - 0.18 / page.get_figwidth(), 1 - 0.15 / page.get_figheight())
        legend = page.legend(handles, names, loc="upper right", bbox_to_anchor=at, ncols=len(names), frameon=False, fontsize=8)
        legend.set_in_layout(False)
        return
    for axes in several:
        axes.legend(frameon=False, fontsize=8)


def _height(panel: Panel) -> float:
    """Inches."""
    return 1.0 + 0.27 * max(len(panel.rows), 2) if isinstance(panel, Bars) else 3.4


def _draw(axes: Axes, panel: Panel) -> None:
    axes.set_title(panel.title, loc="left", size=10, weight="bold", pad=7)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)
    if isinstance(panel, Bars):
        _bars(axes, panel)
    else:
        _lines(axes, panel)


def _bars(axes: Axes, panel: Bars) -> None:
    from matplotlib.ticker import EngFormatter, StrMethodFormatter

    axes.grid(axis="x")
    axes.set_xlabel(panel.unit)
    axes.set_yticks(range(len(panel.rows)), [row.name for row in panel.rows])
    axes.set_ylim(len(panel.rows) - 0.4, -0.6)
    _, right = axes.set_xlim(*_ends(panel))
    if right >= 1_000:  # else Matplotlib writes 1e6 over the unit
        axes.xaxis.set_major_formatter(EngFormatter(sep="") if right >= 10_000 else StrMethodFormatter("{x:,.0f}"))
    width = 10 + 5.8 * max((len(_written(row, panel)) for row in panel.rows), default=0)
    for place, row in enumerate(panel.rows):
        about: dict[str, Any] = {"ha": "right", "va": "center", "textcoords": "offset points", "weight": _weight(row, panel)}
        axes.annotate(_written(row, panel), (1, place), (width, 0), xycoords=axes.get_yaxis_transform(), **about)
        _bar(axes, place, row, from_zero=panel.from_zero)
    if panel.mark is not None:
        axes.axvline(panel.mark, color=INK, linewidth=1, linestyle=DASHED)
    for label, row in zip(axes.get_yticklabels(), panel.rows, strict=True):
        label.set_fontweight(_weight(row, panel))


def _ends(panel: Bars) -> tuple[float, float]:
    """Where the axis begins and ends."""
    found = [number for row in panel.rows for number in (row.value, row.low, row.high)]
    numbers = [number for number in [*found, panel.mark] if number is not None and math.isfinite(number)]
    if not numbers:
        return 0.0, 1.0
    left, right = min(numbers), max(numbers)
    if panel.from_zero:
        left, right = min(left, 0.0), max(right, 0.0)
    margin = 0.06 * ((right - left) or abs(right) or 1.0)
    at_zero = panel.from_zero and left == 0
    return left if at_zero else left - margin, right + margin


def _bar(axes: Axes, place: int, row: Bar, *, from_zero: bool) -> None:
    if row.value is None or not math.isfinite(row.value):
        return
    if from_zero:
        axes.barh(place, row.value, height=0.62, color=OURS if row.ours else OTHER)
    if row.low is not None and row.high is not None and math.isfinite(row.low) and math.isfinite(row.high):
        for colour, width in (("white", 3.4), (INK, 1.4)):  # a light edge keeps the line visible on a dark bar
            axes.hlines(place, row.low, row.high, color=colour, linewidth=width)
            axes.vlines([row.low, row.high], place - 0.15, place + 0.15, color=colour, linewidth=width)
    if not from_zero:
        axes.plot(row.value, place, "o", color=OURS if row.ours else DOT, markersize=7, markeredgecolor="white")


def _written(row: Bar, panel: Bars) -> str:
    if row.value is None or not math.isfinite(row.value):
        return "–"
    return format(row.value, panel.form).replace("-", "\N{MINUS SIGN}")


def _weight(row: Bar, panel: Bars) -> str:
    return "bold" if row.ours and not all(other.ours for other in panel.rows) else "normal"


def _lines(axes: Axes, panel: Lines) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.grid(axis="both")
    axes.set(xlabel=panel.x_unit, ylabel=panel.y_unit, yscale="log" if panel.log_y else "linear")
    if panel.log_x:
        axes.set_xscale("log")
    elif all(float(x).is_integer() for line in panel.lines for x in line.x):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    others = iter(SERIES * len(panel.lines))
    for line in panel.lines:
        colour, width, size = (OURS, 2.4, 5.0) if line.ours else (next(others), 1.5, 3.5)
        axes.plot(line.x, line.y, "o-", color=colour, linewidth=width, markersize=size, label=line.name)
        if line.low is not None and line.high is not None:
            axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.15, linewidth=0)
    if panel.mark is not None:
        axes.axhline(panel.mark, color=INK, linewidth=1, linestyle=DASHED)
