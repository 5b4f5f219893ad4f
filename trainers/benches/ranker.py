"""`segue bench ranker`: both kinds of ranker on the lists of one retriever, what each gains over it and what scoring costs.

Trained as a release of the newest one's as-of day would be, then saved, opened and asked as that release would be: in machine
code where its kind has it. The question is the held-out one of `segue evaluate`; nothing is sealed. Time is that of scoring
500 candidates, the user's half included, the tracks' not: a release holds those.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.charts import draw_page
from segue.dates import split_at
from segue.errors import SegueError
from segue.home import get_home
from segue.panels import Bar, Bars
from segue.ranker.opened import open_ranker
from segue.release import read_manifest, release_path, versions
from segue.settings import get_settings
from segue.stage import Outcome, Progress, table
from trainers.contents import ranker_tracks
from trainers.evaluation import metrics
from trainers.evaluation.heldout import HeldOut, held_out
from trainers.fitting import Fitted, fit_retriever
from trainers.hyperparameters import Hyperparameters
from trainers.inputs import RANKER_USERS, arrays, constant, constants
from trainers.interactions import NOTHING, Floats, Indices, best_first, recommend_by_score
from trainers.ranker.fitting import AnyRanker, fit_ranker
from trainers.ranker.ranking import RankerKind
from trainers.retriever.model import Retriever
from trainers.retriever.retrieval import vectors_of

KINDS: tuple[RankerKind, ...] = ("network", "lambdarank", "both")
RETRIEVER = "retriever alone"
BATCH = 256


@dataclass(frozen=True)
class Question:
    """What is asked: the candidates (n, c) and their scores beside the held-out answers."""

    held: HeldOut
    found: Indices
    scores: Floats


def bench_ranker() -> Outcome:
    """NDCG@30 of the retriever and of the funnel with each kind of ranker, by users in pairs, and the time of scoring.

    Raises:
        SegueError: there is no release to take the day from, or a model diverged.
    """
    progress, hyper, settings = Progress("bench ranker"), Hyperparameters(), get_settings()
    as_of = _newest_as_of()
    split = split_at(as_of, settings.holdout_days)
    retriever, task, _ = fit_retriever(split, hyper, progress, rows=settings.train_rows, seed=settings.seed)
    with progress.step("held-out question"):
        question = _question(retriever, held_out(split), hyper.ranker.candidates)
    alone = _ndcg(question.found[:, :30], question.held)
    rows = [_row(RETRIEVER, alone, alone, settings.seed)]
    for kind in KINDS:
        with progress.step(kind):
            chosen = replace(hyper, ranker=replace(hyper.ranker, kind=kind))
            ranker, blend, _ = fit_ranker(task, chosen, seed=settings.seed)
            tracks = ranker_tracks(Fitted(retriever, ranker, blend, task), question.held.catalogue)
            lists, spent = _ranked(_as_released(ranker, kind), tracks, question)
            rows.append(_row(kind, _ndcg(lists, question.held), alone, settings.seed) | spent)
    path = _draw(get_home().chart("ranker"), rows, len(alone))
    found = {"as_of": as_of.isoformat(), "users": len(alone), "rows": rows, "chart": str(path)}
    return Outcome(found, f"{_text(rows)}\n\nThe chart is {path}")


def _newest_as_of() -> date:
    made = versions()
    if not made:
        raise SegueError(expected="a release", received="none", mend="make one with `segue train --as-of D`")
    return read_manifest(release_path(made[-1])).as_of


def _question(retriever: Retriever, held: HeldOut, k: int) -> Question:
    vectors = vectors_of(retriever.track, held.catalogue.frame)
    queries = vectors_of(retriever.query, held.users)
    rows = np.arange(len(queries))
    found = recommend_by_score(lambda some: queries[some] @ vectors.T, rows, k, held.heard, len(vectors))
    step = range(0, len(queries), BATCH)
    parts = [np.einsum("nd,ncd->nc", queries[at : at + BATCH], vectors[found[at : at + BATCH]]) for at in step]
    return Question(held, found, np.concatenate(parts))


def _as_released(ranker: AnyRanker, kind: RankerKind) -> Any:
    """What serving opens of a release with this ranker."""
    get_home().tmp.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="bench-ranker.", dir=get_home().tmp) as folder:
        ranker.save(Path(folder))
        return open_ranker(Path(folder), kind)


def _ranked(opened: Any, tracks: dict[str, Any], question: Question) -> tuple[Indices, dict[str, float]]:
    """The best 30 of each user (n, 30) by an opened ranker, and milliseconds for the candidates of one user alone and of one
    in a batch, with one thread of BLAS, as where lists are made."""
    import scipy.linalg  # noqa: F401  its library of BLAS has to be there to be told
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    columns, count = constants(arrays(question.held.users, RANKER_USERS)), len(question.held.users)
    candidates = np.maximum(question.found, 0).astype(np.int32)

    def asked(some: slice) -> tuple[dict[str, Any], Any, Any]:
        rows = {name: values[some] for name, values in columns.items()}
        return rows, constant(candidates[some]), constant(question.scores[some])

    def score(users: dict[str, Any], *about: Any) -> Floats:
        return np.asarray(opened.score(opened.encode_users(users), tracks, *about)["score"])

    one, some = asked(slice(0, 1)), asked(slice(0, BATCH))
    with threadpool_limits(1, "blas"):
        scores = np.concatenate([score(*asked(slice(at, at + BATCH))) for at in range(0, count, BATCH)])
        spent = {"one_ms": _median(lambda: score(*one)), "batch_ms": _median(lambda: score(*some), of=min(BATCH, count))}
    best = best_first(np.where(question.found == NOTHING, -np.inf, scores).astype(np.float32), 30)
    return np.where(best == NOTHING, NOTHING, np.take_along_axis(question.found, np.maximum(best, 0), axis=1)), spent


def _median(run: Callable[[], Any], times: int = 9, *, of: int = 1) -> float:
    """Milliseconds for each of the `of` users of the median of `times` runs, after one that is not counted."""
    run()
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        spent.append(1_000 * (time.perf_counter() - started))
    return round(float(np.median(spent)) / of, 3)


def _ndcg(lists: Indices, held: HeldOut) -> npt.NDArray[np.float64]:
    return metrics.ndcg(metrics.hits(lists, held.truth), held.wanted)


def _row(name: str, values: npt.NDArray[np.float64], alone: npt.NDArray[np.float64], seed: int) -> dict[str, Any]:
    """A row: the mean and its interval, and the lead over the retriever in per cent with the interval of the pairs."""
    low, high = metrics.bootstrap_interval(values, seed=seed)
    lead_low, lead_high = metrics.bootstrap_interval(values - alone, seed=seed)
    per_cent = 100 / max(float(alone.mean()), 1e-9)
    leads = (float((values - alone).mean()), lead_low, lead_high)
    return {
        "model": name,
        "ndcg": round(float(values.mean()), 5),
        "ndcg_low": round(low, 5),
        "ndcg_high": round(high, 5),
        **{key: round(per_cent * lead, 1) for key, lead in zip(("lead", "lead_low", "lead_high"), leads, strict=True)},
    }


def _text(rows: list[dict[str, Any]]) -> str:
    headers = ["ranker", "NDCG@30", "95% low", "95% high", "lead %", "low", "high", "ms for one", "ms in a batch"]
    keys = ["model", "ndcg", "ndcg_low", "ndcg_high", "lead", "lead_low", "lead_high", "one_ms", "batch_ms"]
    return table(headers, [[row.get(key, "") for key in keys] for row in rows])


def _draw(path: Path, rows: list[dict[str, Any]], users: int) -> Path:
    names = [row["model"] for row in rows]
    ours = [row["model"] != RETRIEVER for row in rows]
    panels = [
        Bars(title, unit, [_bar(row, key, own) for row, own in zip(rows, ours, strict=True)], form=form, mark=mark)
        for key, title, unit, form, mark in (
            ("ndcg", "NDCG@30", "mean over users, 0 to 1; more is better", ".4f", None),
            ("lead", "lead over the retriever", "per cent; the dashed line is the 10 % to reach", "+.1f", 10.0),
        )
    ]
    spent = [Bar(name, row.get("one_ms"), ours=own) for name, row, own in zip(names, rows, ours, strict=True)]
    panels.append(
        Bars("scoring 500 candidates", "milliseconds for one user, as a release is asked; less is better", spent, form=".2f")
    )
    note = f"{users:,} users. Black lines are 95 % intervals, with the users drawn again; the lead is taken user by user."
    return draw_page(path, "The funnel with each ranker beside retrieval alone", panels, note=note)


def _bar(row: dict[str, Any], key: str, own: bool) -> Bar:
    return Bar(row["model"], row[key], row[f"{key}_low"], row[f"{key}_high"], own)
