"""What `segue bench training` counted of each contender, as rows, as text and as a chart."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segue.charts import draw_page
from segue.panels import Bar, Bars
from segue.stage import table

Step = Callable[[], Any]


@dataclass
class Contender:
    """Something that trains: `step` takes one batch; `rates` are its examples per second, and `work` the processors'
    milliseconds for a batch, a spell each. `ids_alone`: it is given the ids of users and tracks and nothing else."""

    name: str
    step: Step
    steps: int
    ids_alone: bool = False
    rates: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)


def row_of(other: Contender, contenders: list[Contender]) -> dict[str, Any]:
    """How `other` fared beside the platform, which is the first; and beside it on ids alone, if that is what `other` had."""
    row: dict[str, Any] = {
        "what": other.name,
        "examples_per_second": round(statistics.median(other.rates), 1),
        "between": [round(min(other.rates), 1), round(max(other.rates), 1)],
        "work_ms": round(statistics.median(other.work), 2),
    }
    ours = {"segue": contenders[0]}
    if other.ids_alone:
        ours["ids_alone"] = next(contender for contender in contenders if contender.ids_alone)
    for name, mine in ours.items():
        ratios = [a / b for a, b in zip(mine.rates, other.rates, strict=True)]
        row[f"{name}_is_times"] = round(statistics.median(ratios), 3)
        row[f"{name}_between"] = [round(min(ratios), 3), round(max(ratios), 3)]
    return row


def as_text(rows: list[dict[str, Any]], memory: dict[str, float], batch: int) -> str:
    """The rows of the contenders, and below them the most memory (GiB) that each phase of the platform's training held."""
    cells = [
        [
            r["what"],
            *map(round, (r["examples_per_second"], *r["between"])),
            r["work_ms"],
            r["segue_is_times"],
            *r["segue_between"],
            r.get("ids_alone_is_times", ""),
            *r.get("ids_alone_between", ["", ""]),
        ]
        for r in rows
    ]
    ratios = ["segue is times", "least", "most", "on ids alone", "least", "most"]
    headers = ["trained", "examples/s", "slowest", "fastest", "processor ms", *ratios]
    held = table(["the platform's training, up to", "peak GiB"], [[name, peak] for name, peak in memory.items()])
    return f"{table(headers, cells)}\n\n{held}\n\nBatches of {batch}; ratios are of paired spells, processor ms of a batch."


def draw(path: Path, rows: list[dict[str, Any]], memory: dict[str, float], title: str) -> Path:
    """The chart at `path`: examples a second of every contender, and the memory (GiB) of the platform's training."""
    rates = []
    for row in rows:
        slowest, fastest = row["between"]
        rates.append(Bar(row["what"], row["examples_per_second"], slowest, fastest, ours=row is rows[0]))
    held = [Bar(phase, peak, ours=True) for phase, peak in memory.items()]
    panels = [
        Bars("examples a second", "more is better; black lines: slowest to fastest spell", rates, form=",.0f"),
        Bars("the platform's training, up to", "GiB at most so far; less is better", held, form=".2f"),
    ]
    return draw_page(path, title, panels)
