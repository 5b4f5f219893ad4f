"""What `segue bench next` shows beside the lists it writes: every model with its intervals over the sessions that were held
back and whether ours is better, the passes of the session model, and both measures as a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segue.charts import draw_page
from segue.panels import Bar, Bars
from segue.stage import table
from trainers.evaluation import metrics
from trainers.evaluation.comparison import compare
from trainers.evaluation.metrics import Doubles
from trainers.interactions import Indices

SEED = 17
MEASURES = {"hit_rate": "HitRate", "mrr": "MRR"}


@dataclass(frozen=True)
class Shares:
    """What each session (s,) adds to HitRate and MRR, which are the means of these: the prefixes of a session are no
    independent questions, so sessions are what a bootstrap draws again."""

    hit_rate: Doubles
    mrr: Doubles

    @classmethod
    def of(cls, places: Indices, owners: Indices, k: int) -> Shares:
        """Of the places (p,) of answers in sessions `owners` (p,)."""
        _, session = np.unique(owners, return_inverse=True)
        hit = places <= k
        sums = (np.bincount(session, weights=values) for values in (hit.astype(np.float64), hit / places))
        return cls(*(part * len(part) / len(places) for part in sums))


def rows_of(models: Mapping[str, Indices], owners: Indices, k: int) -> list[dict[str, Any]]:
    """One row for each model's places (p,), the last being ours: means with 95 % intervals, and whether ours is better."""
    shares = {name: Shares.of(places, owners, k) for name, places in models.items()}
    ours = list(shares.values())[-1]
    rows = []
    for name, share in shares.items():
        row: dict[str, Any] = {"model": name}
        for measure in MEASURES:
            values = getattr(share, measure)
            low, high = metrics.bootstrap_interval(values, seed=SEED)
            row |= {
                measure: round(float(values.mean()), 5),
                f"{measure}_low": round(low, 5),
                f"{measure}_high": round(high, 5),
            }
        for measure in MEASURES:
            verdict = compare(getattr(ours, measure), getattr(share, measure)).verdict
            row[f"ours_better_{measure}"] = None if share is ours else str(verdict)
        rows.append(row)
    return rows


def as_text(rows: Sequence[dict[str, Any]], k: int) -> str:
    """The table of the models."""
    ends = ["95% low", "95% high"]
    headers = ["on the last tenth of the training sessions", f"HitRate@{k}", *ends, f"MRR@{k}", *ends]
    return table([*headers, "ours better in HitRate?", "in MRR?"], [list(row.values()) for row in rows])


def draw(path: Path, rows: Sequence[dict[str, Any]], k: int) -> Path:
    """The chart at `path`: both measures of every model."""
    panels = [
        Bars(
            f"{title}@{k}",
            "over the held back prefixes; more is better",
            [Bar(r["model"], r[name], r[f"{name}_low"], r[f"{name}_high"], ours=r is rows[-1]) for r in rows],
        )
        for name, title in MEASURES.items()
    ]
    note = (
        "On the last tenth of the training sessions, where every setting was chosen. Black lines are 95 % intervals, with\n"
        "the sessions drawn again. Blue is the blend, which answers; its order is judged by others than taught it."
    )
    return draw_page(path, "The next track of a session", panels, note=note)
