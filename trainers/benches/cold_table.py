"""What `segue bench cold` says of its measurements: each source and each number of plays with its interval over the users,
what is better than what by the one rule of `trainers.evaluation.comparison`, and both as text and as a chart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segue.charts import draw_page
from segue.panels import Bar, Bars, Line, Lines, Panel
from segue.stage import table
from trainers.evaluation import metrics
from trainers.evaluation.comparison import compare
from trainers.evaluation.metrics import Doubles

SEED = 17
BAR = 3.0
"""Times the recall of popularity-by-genre that is asked for."""

NOTE = """Black lines and the band are 95 % intervals, with the users drawn again. Blue is the retriever.
The dashed line of the first panel is {bar:g} times popularity-by-genre."""


@dataclass(frozen=True)
class Found:
    """Of one contender: the recall of every user who discovers a release (n,), in the whole catalogue and among releases."""

    recall: Doubles
    among: Doubles


def track_rows(found: Mapping[str, Found], *, beside: str, without: str) -> list[dict[str, Any]]:
    """A row for each contender: recall, how many times that of the contender `beside`, and whether it is better than that and
    than `without`, the retriever that reads no vectors."""
    base = found[beside].recall
    rows = []
    for name, one in found.items():
        times, low, high = _ratio(one.recall, base)
        rows.append(
            {"source": name}
            | _with_ends("recall", one.recall)
            | {"times": times, "times_low": low, "times_high": high}
            | _with_ends("among_releases", one.among)
            | {"better": None if name == beside else str(compare(one.recall, base).verdict)}
            | {"beside_none": compare(one.recall, found[without].recall).as_dict()}
        )
    return rows


def user_rows(after: Mapping[int, Doubles], popular: Doubles) -> list[dict[str, Any]]:
    """A row for each number of plays: NDCG, whether it is better than what is popular in the territory, and than the row
    before."""
    rows: list[dict[str, Any]] = []
    before = None
    for plays, ndcg in after.items():
        step = None if before is None else compare(ndcg, before).as_dict()
        rows.append(
            {"plays": plays}
            | _with_ends("ndcg", ndcg)
            | {"popular": float(popular.mean()), "beside_popular": compare(ndcg, popular).as_dict(), "beside_before": step}
        )
        before = ndcg
    return rows


def _with_ends(name: str, values: Doubles) -> dict[str, float]:
    low, high = metrics.bootstrap_interval(values, seed=SEED)
    return {name: float(values.mean()), f"{name}_low": low, f"{name}_high": high}


def _ratio(ours: Doubles, theirs: Doubles) -> tuple[float | None, float | None, float | None]:
    """Ratio of the means of two arrays (n,) over the same users, and its interval; None where the second has none."""
    if not theirs.any():
        return None, None, None
    draws = np.concatenate([counts @ np.stack([ours, theirs], axis=1) for counts in metrics.redrawn(len(ours), seed=SEED)])
    with np.errstate(divide="ignore", invalid="ignore"):  # a draw of users whom the second served nothing has no ratio
        low, high = np.nanquantile(draws[:, 0] / draws[:, 1], [0.025, 0.975])
    return float(ours.mean() / theirs.mean()), float(low), float(high)


def tracks_text(rows: list[dict[str, Any]], *, k: int, few: int) -> str:
    headers = ["source", f"Recall@{k}", "95% low", "95% high", "times by genre", "low", "high", "better?", "better than none?"]
    keys = ("recall", "recall_low", "recall_high", "times", "times_low", "times_high", "better")
    among = [headers[0], f"Recall@{few} of releases", *headers[2:4]]
    first = [[row["source"], *(row[key] for key in keys), row["beside_none"]["verdict"]] for row in rows]
    second = [[row["source"], *(row[f"among_releases{end}"] for end in ("", "_low", "_high"))] for row in rows]
    return f"{table(headers, first)}\n\n{table(among, second)}"


def users_text(rows: list[dict[str, Any]], *, popular: str) -> str:
    headers = ["plays", "NDCG", "95% low", "95% high", popular, "better than popular?", "better than before?"]
    keys = ("plays", "ndcg", "ndcg_low", "ndcg_high", "popular")
    verdicts = [[(row[key] or {}).get("verdict") for key in ("beside_popular", "beside_before")] for row in rows]
    return table(headers, [[*(row[key] for key in keys), *said] for row, said in zip(rows, verdicts, strict=True)])


def draw(path: Path, found: Mapping[str, Any], *, k: int, few: int, length: int, ours: frozenset[str]) -> Path:
    """The chart at `path`: both recalls of each source in `found["tracks"]`, and the plays of `found["users"]`."""
    tracks, users = found["tracks"], found["users"]
    base = tracks[0]["recall"]

    def bars(name: str) -> list[Bar]:
        return [Bar(r["source"], r[name], r[f"{name}_low"], r[f"{name}_high"], ours=r["source"] in ours) for r in tracks]

    unit = "mean over the users who discover a release; more is better"
    plays, ndcg, low, high, popular = (
        [float(row[name]) for row in users] for name in ("plays", "ndcg", "ndcg_low", "ndcg_high", "popular")
    )
    lines = [Line("retriever", plays, ndcg, low, high, ours=True), Line("popular in the territory", plays, popular)]
    panels: list[Panel] = [
        Bars(f"Releases found: Recall@{k} of the whole catalogue", unit, bars("recall"), mark=BAR * base),
        Bars(f"Which release: Recall@{few} of releases alone", unit, bars("among_releases")),
        Lines(f"New listeners: NDCG@{length}", "plays the listener has made", f"NDCG@{length}", lines),
    ]
    title = f"Tracks nobody has played and listeners nobody knows, held-out days to {found['as_of'][:10]}"
    return draw_page(path, title, panels, note=NOTE.format(bar=BAR))
