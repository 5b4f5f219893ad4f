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

NOTE = """Black lines and the bands are 95 % intervals, with the users drawn again. Blue bars are ours: the retriever by what
its track tower reads, and the ranker's order. The dashed line of the first panel is {bar:g} times popularity-by-genre."""


@dataclass(frozen=True)
class Found:
    """Of one contender: the recall of every user who discovers a release (n,), in the whole catalogue and among releases, and
    NDCG of the releases in a list out of the whole catalogue."""

    recall: Doubles
    among: Doubles
    ndcg: Doubles


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
            | _with_ends("ndcg", one.ndcg)
            | {"better": None if name == beside else str(compare(one.recall, base).verdict)}
            | {"beside_none": compare(one.recall, found[without].recall).as_dict()}
        )
    return rows


def user_rows(after: Mapping[int, Doubles], ranked: Mapping[int, Doubles], popular: Doubles) -> list[dict[str, Any]]:
    """A row for each number of plays: NDCG, whether it is better than what is popular in the territory, and than the row
    before; and that of the same tracks `ranked`, where they were, and whether it is better than unranked."""
    rows: list[dict[str, Any]] = []
    before = None
    for plays, ndcg in after.items():
        step = None if before is None else compare(ndcg, before).as_dict()
        row: dict[str, Any] = {"plays": plays} | _with_ends("ndcg", ndcg)
        row |= {"popular": float(popular.mean()), "beside_popular": compare(ndcg, popular).as_dict(), "beside_before": step}
        row |= dict.fromkeys(("ranked", "ranked_low", "ranked_high", "beside_unranked"))
        if plays in ranked:
            row |= _with_ends("ranked", ranked[plays]) | {"beside_unranked": compare(ranked[plays], ndcg).as_dict()}
        rows.append(row)
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


def tracks_text(rows: list[dict[str, Any]], *, k: int, few: int, length: int) -> str:
    headers = ["source", f"Recall@{k}", "95% low", "95% high", "times by genre", "low", "high", "better?", "better than none?"]
    keys = ("recall", "recall_low", "recall_high", "times", "times_low", "times_high", "better")
    ends = headers[2:4]
    others = [headers[0], f"NDCG@{length} of releases", *ends, f"Recall@{few} of releases alone", *ends]
    names = [f"{name}{end}" for name in ("ndcg", "among_releases") for end in ("", "_low", "_high")]
    first = [[row["source"], *(row[key] for key in keys), row["beside_none"]["verdict"]] for row in rows]
    second = [[row["source"], *(row[name] for name in names)] for row in rows]
    return f"{table(headers, first)}\n\n{table(others, second)}"


def users_text(rows: list[dict[str, Any]], *, popular: str) -> str:
    ends = ["95% low", "95% high"]
    headers = ["plays", "NDCG", *ends, popular, "better than popular?", "better than before?"]
    headers += ["by the ranker", *ends, "better than unranked?"]
    cells = []
    for row in rows:
        beside = [(row[f"beside_{other}"] or {}).get("verdict") for other in ("popular", "before", "unranked")]
        ndcg, ranked = ([row[f"{name}{end}"] for end in ("", "_low", "_high")] for name in ("ndcg", "ranked"))
        cells.append([row["plays"], *ndcg, row["popular"], *beside[:2], *ranked, beside[2]])
    return table(headers, cells)


def draw(path: Path, found: Mapping[str, Any], *, k: int, few: int, length: int, ours: frozenset[str]) -> Path:
    """The chart at `path`: what each source finds of the releases in `found["tracks"]`, and the plays of `found["users"]`."""
    tracks, users = found["tracks"], found["users"]
    base = tracks[0]["recall"]

    def bars(name: str) -> list[Bar]:
        return [Bar(r["source"], r[name], r[f"{name}_low"], r[f"{name}_high"], ours=r["source"] in ours) for r in tracks]

    unit = "mean over the users who discover a release; more is better"
    plays, popular = ([float(row[name]) for row in users] for name in ("plays", "popular"))
    lines = [_line("retriever", "ndcg", users, ours=True), _line("retriever and ranker", "ranked", users)]
    panels: list[Panel] = [
        Bars(f"Releases found: Recall@{k} of the whole catalogue", unit, bars("recall"), mark=BAR * base),
        Bars(f"How high they stand: NDCG@{length} of releases", unit, bars("ndcg")),
        Bars(f"Which release: Recall@{few} of releases alone", unit, bars("among_releases")),
        Lines(
            f"New listeners: NDCG@{length}",
            "plays the listener has made",
            f"NDCG@{length}",
            [*(line for line in lines if line.x), Line("popular in the territory", plays, popular)],
        ),
    ]
    title = f"Tracks nobody has played and listeners nobody knows, held-out days to {found['as_of'][:10]}"
    return draw_page(path, title, panels, note=NOTE.format(bar=BAR))


def _line(name: str, of: str, users: list[dict[str, Any]], *, ours: bool = False) -> Line:
    """One measure with its interval over the plays of those rows that have it."""
    there = [row for row in users if row[of] is not None]
    middle, low, high = ([float(row[f"{of}{end}"]) for row in there] for end in ("", "_low", "_high"))
    return Line(name, [float(row["plays"]) for row in there], middle, low, high, ours)
