"""The closed loop for a reader: a table of the weeks, the bars, and a page of curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.loop.certainty import Sure, difference, share, times
from infra.loop.measures import Week
from segue.charts import draw_page
from segue.panels import Line, Lines
from segue.stage import table

SEGUE, TRUTH = "Segue", "the truth"
SAVES_OVER, COVERAGE_OVER = 1.5, 5.0
"""How many times popularity's save rate and coverage Segue's must be in the last week."""

SHOWN = {
    "save_rate": ("saved", "share of plays; more is better"),
    "skip_rate": ("skipped", "share of plays; less is better"),
    "new_artists": ("new artists", "share of plays by one not heard before"),
    "coverage": ("coverage", "share of the catalogue; more is better"),
    "gini": ("Gini of the lists' plays over artists", "0: all alike; less is better"),
    "gini_all_plays": ("Gini of all plays over artists", "0: all alike; less is better"),
}

SHARES = ("save_rate", "skip_rate", "new_artists")
"""What of that has an interval: it is counted listener by listener."""

Arms = Mapping[str, Sequence[Week]]


def findings(arms: Arms) -> dict[str, Any]:
    """The weeks of every arm, the bars, which compare the last week, and how sure each comparison is."""
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
        "intervals": {name: _ends(sure) for name, sure in _sureties(arms).items()},
        "bars": {
            "save_rate": times_saved is not None and times_saved >= SAVES_OVER,
            "coverage": times_covered is not None and times_covered >= COVERAGE_OVER,
            "skip_rate": ours[-1].skip_rate <= ours[0].skip_rate,
        },
    }


def _sureties(arms: Arms) -> dict[str, Sure]:
    """The bars that are shares, and every share beside each other arm's, in the last week."""
    ours = arms[SEGUE]
    bars = {
        "save_rate_over_popularity": times(ours[-1], arms["popularity"][-1], "save_rate"),
        "skip_rate_change": difference(ours[-1], ours[0], "skip_rate"),
        "skip_rate_change_of_the_truth": difference(arms[TRUTH][-1], arms[TRUTH][0], "skip_rate"),
    }
    return bars | {
        f"{measure}_above_{name}": difference(ours[-1], weeks[-1], measure)
        for name, weeks in arms.items()
        if name != SEGUE
        for measure in SHARES
    }


def _ends(sure: Sure) -> list[float] | None:
    return [sure.low, sure.high] if math.isfinite(sure.low) else None


def told(arms: Arms, found: Mapping[str, Any]) -> str:
    """The table, how Segue's lists compare, and the bars in words."""
    rows = [
        [name, number + 1, week.plays, *(_cell(week, measure) for measure in SHOWN)]
        for name, weeks in arms.items()
        for number, week in enumerate(weeks)
    ]
    text = table(
        ["arm", "week", "plays of lists", "saved", "skipped", "new artists", "coverage", "Gini", "Gini, all plays"], rows
    )
    bar = {name: "reached" if there else "not reached" for name, there in found["bars"].items()}
    saved, covered, ends = found["save_rate_over_popularity"], found["coverage_over_popularity"], found["intervals"]
    lines = [
        f"saved {_times(saved)}{_between(ends, 'save_rate_over_popularity', '.2f')} popularity's rate (bar {SAVES_OVER}): "
        f"{bar['save_rate']}",
        f"covered {_times(covered)} popularity's share (bar {COVERAGE_OVER}): {bar['coverage']}",
        f"skipped {found['skip_rate_change']:+.4f}{_between(ends, 'skip_rate_change')} against week one (bar 0): "
        f"{bar['skip_rate']}; lists of who knows every taste: {found['skip_rate_change_of_the_truth']:+.4f}"
        f"{_between(ends, 'skip_rate_change_of_the_truth')}",
    ]
    return "\n".join(
        [
            text,
            "",
            "± is half of a 95 % interval with the listeners drawn again.",
            "",
            _beside(arms),
            "",
            "In the last week:",
            *lines,
        ]
    )


def _cell(week: Week, measure: str) -> str:
    text = f"{getattr(week, measure):.4f}"
    return f"{text} ±{share(week, measure).half:.4f}" if measure in SHARES else text


def _beside(arms: Arms) -> str:
    """Segue's lists less each other arm's in the last week, and whether that is sure."""
    rows = []
    for name, weeks in arms.items():
        if name != SEGUE:
            sures = [difference(arms[SEGUE][-1], weeks[-1], measure) for measure in SHARES]
            rows.append([name, *(f"{sure.value:+.4f} ({sure.low:+.4f} to {sure.high:+.4f})" for sure in sures)])
    return table(["Segue less ...", "saved", "skipped", "new artists"], rows)


def drawn(path: Path, arms: Arms) -> Path:
    """A panel for each measure, a line for each arm."""
    panels = [
        Lines(title, "week", unit, [_line(name, weeks, measure) for name, weeks in arms.items()])
        for measure, (title, unit) in SHOWN.items()
    ]
    return draw_page(path, f"The same world for {len(arms[SEGUE])} weeks, by whose lists it is given", panels)


def _line(name: str, weeks: Sequence[Week], measure: str) -> Line:
    values, x = [getattr(week, measure) for week in weeks], list(range(1, len(weeks) + 1))
    if measure not in SHARES:
        return Line(name, x, values, ours=name == SEGUE)
    sures = [share(week, measure) for week in weeks]
    return Line(name, x, values, [sure.low for sure in sures], [sure.high for sure in sures], ours=name == SEGUE)


def _times(value: float | None) -> str:
    return "no times" if value is None else f"{value:.2f} times"


def _between(ends: Mapping[str, list[float] | None], name: str, form: str = "+.4f") -> str:
    two = ends[name]
    return f" ({two[0]:{form}} to {two[1]:{form}})" if two else ""
