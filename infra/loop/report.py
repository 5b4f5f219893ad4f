"""The closed loop for a reader: a table of the weeks, the bars, and a page of curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.loop.measures import Week
from segue.charts import draw_page
from segue.panels import Line, Lines
from segue.stage import table

SEGUE, TRUTH = "Segue", "the truth"
SAVES_OVER, COVERAGE_OVER = 1.5, 5.0
"""How many times popularity's save rate and coverage Segue's must be in the last week."""

SHOWN = {
    "save_rate": ("saved", "share of the plays of lists; more is better"),
    "skip_rate": ("skipped", "share of the plays of lists; less is better"),
    "new_artists": ("new artists", "share of the plays of lists by an artist not heard before"),
    "coverage": ("coverage", "share of the catalogue on anybody's list; more is better"),
    "gini": ("Gini of the lists' plays over artists", "0: all alike, 1: one has it all; less is better"),
    "gini_all_plays": ("Gini of all plays over artists", "0: all alike, 1: one has it all; less is better"),
}

Arms = Mapping[str, Sequence[Week]]


def findings(arms: Arms) -> dict[str, Any]:
    """The weeks of every arm and the bars, which compare the last week."""
    ours, theirs = arms[SEGUE], arms["popularity"]
    saves, coverage = ours[-1].save_rate, ours[-1].coverage
    times_saved = saves / theirs[-1].save_rate if theirs[-1].save_rate else None
    times_covered = coverage / theirs[-1].coverage if theirs[-1].coverage else None
    return {
        "arms": {name: [week.as_dict() for week in weeks] for name, weeks in arms.items()},
        "save_rate_over_popularity": times_saved,
        "coverage_over_popularity": times_covered,
        "skip_rate_change": ours[-1].skip_rate - ours[0].skip_rate,
        "skip_rate_change_of_the_truth": arms[TRUTH][-1].skip_rate - arms[TRUTH][0].skip_rate,
        "bars": {
            "save_rate": times_saved is not None and times_saved >= SAVES_OVER,
            "coverage": times_covered is not None and times_covered >= COVERAGE_OVER,
            "skip_rate": ours[-1].skip_rate <= ours[0].skip_rate,
        },
    }


def told(arms: Arms, found: Mapping[str, Any]) -> str:
    """The table and the bars in words."""
    rows = [
        [name, number + 1, week.plays, *(f"{getattr(week, measure):.4f}" for measure in SHOWN)]
        for name, weeks in arms.items()
        for number, week in enumerate(weeks)
    ]
    text = table(
        ["arm", "week", "plays of lists", "saved", "skipped", "new artists", "coverage", "Gini", "Gini, all plays"], rows
    )
    bar = {name: "reached" if there else "not reached" for name, there in found["bars"].items()}
    saved, covered = found["save_rate_over_popularity"], found["coverage_over_popularity"]
    lines = [
        f"saved {_times(saved)} popularity's rate (bar {SAVES_OVER}): {bar['save_rate']}",
        f"covered {_times(covered)} popularity's share (bar {COVERAGE_OVER}): {bar['coverage']}",
        f"skipped {found['skip_rate_change']:+.4f} against week one (bar 0): {bar['skip_rate']}; lists of who knows every "
        f"taste: {found['skip_rate_change_of_the_truth']:+.4f}",
    ]
    return "\n".join([text, "", "In the last week:", *lines])


def drawn(path: Path, arms: Arms) -> Path:
    """A panel for each measure, a line for each arm."""
    panels = [
        Lines(title, "week", unit, [_line(name, weeks, measure) for name, weeks in arms.items()])
        for measure, (title, unit) in SHOWN.items()
    ]
    return draw_page(path, f"The same world for {len(arms[SEGUE])} weeks, by whose lists it is given", panels)


def _line(name: str, weeks: Sequence[Week], measure: str) -> Line:
    values = [getattr(week, measure) for week in weeks]
    return Line(name, list(range(1, len(weeks) + 1)), values, ours=name == SEGUE)


def _times(value: float | None) -> str:
    return "no times" if value is None else f"{value:.2f} times"
