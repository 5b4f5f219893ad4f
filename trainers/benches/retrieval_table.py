"""What `segue bench retrieval` shows beside the lists it writes: the passes of the training, every model with its intervals
over the users of the validation part and whether ours is better, and both as a chart. Without a validation part there are only
the passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from segue.charts import draw_page
from segue.panels import Bar, Bars, Line, Lines, Panel
from segue.stage import table
from trainers.evaluation import metrics
from trainers.evaluation.comparison import compare
from trainers.evaluation.metrics import Doubles
from trainers.interactions import Indices

SEED = 17
TRAINING, AGAIN = "training", "again with the validation part"

Passes = Mapping[str, Sequence["Pass"]]
"""What was trained, to its passes over the examples."""


@dataclass(frozen=True)
class Pass:
    """One pass over the examples: the mean of its losses, its seconds, and where the validation part was asked after it,
    recall and NDCG with the popularity exponent that was best."""

    number: int
    loss: float
    seconds: float
    recall: float | None = None
    ndcg: float | None = None
    exponent: float | None = None


@dataclass(frozen=True)
class Scores:
    """Recall and NDCG of every user asked (n,)."""

    recall: Doubles
    ndcg: Doubles

    @classmethod
    def of(cls, lists: Indices, truth: sp.csr_matrix) -> Scores:
        """Those of lists (n, k) against `truth` (n, items)."""
        hit, wanted = metrics.hits(lists, truth), np.diff(truth.indptr)
        return cls(metrics.recall(hit, wanted), metrics.ndcg(hit, wanted))


def rows_of(models: dict[str, Scores]) -> list[dict[str, Any]]:
    """One row for each model, the first being ours: means with 95 % intervals, and whether ours is better than it."""
    ours = next(iter(models.values()))
    rows = []
    for name, scores in models.items():
        row: dict[str, Any] = {"model": name}
        for measure, values in (("recall", scores.recall), ("ndcg", scores.ndcg)):
            low, high = metrics.bootstrap_interval(values, seed=SEED)
            row |= {
                measure: round(float(values.mean()), 5),
                f"{measure}_low": round(low, 5),
                f"{measure}_high": round(high, 5),
            }
        beside = compare(ours.ndcg, scores.ndcg)
        rows.append(row | {"ours_better": None if scores is ours else str(beside.verdict)})
    return rows


def as_text(rows: Sequence[dict[str, Any]], passes: Passes, k: int) -> str:
    """The tables of the passes of each training, and that of the models, if they were measured."""
    parts = [_passes_text(name, of_one, k) for name, of_one in passes.items()]
    if rows:
        ends = ["95% low", "95% high"]
        headers = ["on the validation part", f"recall@{k}", *ends, f"NDCG@{k}", *ends, "is ours better?"]
        parts.append(table(headers, [list(row.values()) for row in rows]))
    return "\n\n".join(parts)


def _passes_text(name: str, passes: Sequence[Pass], k: int) -> str:
    headers = [f"{name}, pass", "loss", "seconds"]
    cells: list[list[Any]] = [[one.number, one.loss, f"{one.seconds:.2f}"] for one in passes]
    if any(one.ndcg is not None for one in passes):
        headers += [f"recall@{k}", f"NDCG@{k}", "popularity"]
        cells = [[*row, one.recall, one.ndcg, one.exponent] for row, one in zip(cells, passes, strict=True)]
    return table(headers, cells)


def draw(path: Path, rows: Sequence[dict[str, Any]], passes: Passes, k: int) -> Path:
    """The chart at `path`: the loss of every pass, and where there is a validation part both measures of every model and of
    ours after each pass that was measured."""
    losses = [
        Line(name, [one.number for one in of], [one.loss for one in of], ours=name == TRAINING) for name, of in passes.items()
    ]
    loss = Lines("loss of each pass", "passes over the examples", "mean loss; less is better", losses)
    measured = [one for one in passes[TRAINING] if one.ndcg is not None]
    panels: list[Panel] = []
    for name, title in {"recall": f"recall@{k}", "ndcg": f"NDCG@{k}"}.items() if rows else ():
        bars = [Bar(r["model"], r[name], r[f"{name}_low"], r[f"{name}_high"], ours=r is rows[0]) for r in rows]
        after = Line("retriever", [one.number for one in measured], [getattr(one, name) for one in measured], ours=True)
        panels.append(Bars(f"{title} on the validation part", "mean over users; more is better", bars))
        panels.append(Lines(f"{title} while training", "passes over the examples", title, [after]))
    note = "Black lines are 95 % intervals, with the users of the validation part drawn again. Blue is ours." if rows else ""
    return draw_page(path, "Retrieval on ids alone, full ranking of unseen items", [*panels, loss], note=note)
