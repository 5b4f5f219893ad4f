"""What `segue bench retrieval` shows beside the lists it writes: every model with its intervals over the users of the
validation part and whether ours is better, the passes of the training, and both as a chart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from segue.charts import draw_page
from segue.panels import Bar, Bars, Line, Lines
from segue.stage import table
from trainers.evaluation import metrics
from trainers.evaluation.comparison import compare
from trainers.evaluation.metrics import Doubles
from trainers.interactions import Indices

SEED = 17


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


def as_text(rows: Sequence[dict[str, Any]], passes: Sequence[Sequence[Any]], k: int) -> str:
    """The tables of the passes and of the models, as far as something was measured."""
    parts = []
    if passes:
        parts.append(table(["pass", "loss", f"recall@{k}", f"NDCG@{k}", "popularity"], [list(row) for row in passes]))
    if rows:
        ends = ["95% low", "95% high"]
        headers = ["on the validation part", f"recall@{k}", *ends, f"NDCG@{k}", *ends, "is ours better?"]
        parts.append(table(headers, [list(row.values()) for row in rows]))
    return "\n\n".join(parts)


def draw(path: Path, rows: Sequence[dict[str, Any]], passes: Sequence[Sequence[Any]], k: int) -> Path:
    """The chart at `path`: both measures of every model, and of ours after each pass that was measured."""
    titles = {"recall": f"recall@{k}", "ndcg": f"NDCG@{k}"}
    models = [
        Bars(
            f"{title} on the validation part",
            "mean over users; more is better",
            [Bar(r["model"], r[name], r[f"{name}_low"], r[f"{name}_high"], ours=number == 0) for number, r in enumerate(rows)],
        )
        for name, title in titles.items()
    ]
    done = [row[0] for row in passes]
    training = [
        Lines(f"{title} while training", "passes over the examples", title, [Line("retriever", done, values, ours=True)])
        for title, values in zip(titles.values(), ([row[2] for row in passes], [row[3] for row in passes]), strict=True)
    ]
    note = "Black lines are 95 % intervals, with the users of the validation part drawn again. Blue is ours."
    return draw_page(path, "Retrieval on ids alone, full ranking of unseen items", [*models, *training], note=note)
