"""From every contender's lists to the report of an evaluation: one row per model, one per slice, one value per user."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from segue.playlists import PLAYLIST_LENGTH
from segue.release import Manifest
from trainers.evaluation import list_metrics, metrics
from trainers.evaluation.comparison import ComparisonRule, compare
from trainers.evaluation.contenders import BaselineConfigs
from trainers.evaluation.evidently_bias import popularity_bias
from trainers.evaluation.heldout import HeldOut
from trainers.evaluation.measures import MEASURES
from trainers.evaluation.metrics import Doubles
from trainers.evaluation.result import FUNNEL, IALS, LIVE_FUNNEL, POPULAR, LiveState
from trainers.evaluation.slices import SliceConfig, slices_of
from trainers.interactions import Indices

if TYPE_CHECKING:
    import pandas as pd

LEAST_FOR_AN_INTERVAL = 10
"""A bootstrap of fewer users knows only those: no interval is given rather than one that looks sure."""


@dataclass(frozen=True)
class EvaluateConfig:
    """`k` tracks per list; `seed` draws the bootstrap; `better` is when a model is called that."""

    k: int = PLAYLIST_LENGTH
    seed: int = 17
    better: ComparisonRule = field(default_factory=ComparisonRule)
    slices: SliceConfig = field(default_factory=SliceConfig)
    baselines: BaselineConfigs = field(default_factory=BaselineConfigs)


@dataclass
class Answers:
    """Every contender's lists (n, k) by name, in the order of the table, and what became of the live release.

    `found_among_candidates` is the share of the wanted tracks that the candidate's retriever hands to its ranker.
    """

    lists: dict[str, Indices] = field(default_factory=dict)
    live: str | None = None
    live_state: LiveState = LiveState.NONE
    found_among_candidates: float = 0.0


def report(manifest: Manifest, held: HeldOut, answers: Answers, config: EvaluateConfig) -> dict[str, Any]:
    """Everything that is stored, as JSON values."""
    ndcg = {name: _ndcg(lists, held) for name, lists in answers.lists.items()}
    return {
        "version": manifest.version,
        "as_of": manifest.as_of.isoformat(),
        "cutoff": held.split.cutoff.isoformat(),
        "end": held.split.end.isoformat(),
        "k": config.k,
        "users": len(held.user_ids),
        "tracks": held.tracks,
        "answers": int(held.truth.nnz),
        "answers_out_of_reach": held.left_out.out_of_reach,
        "answers_brought": held.left_out.brought,
        "found_among_candidates": round(answers.found_among_candidates, 6),
        "live": {"version": answers.live, "state": answers.live_state.name.lower()},
        "models": _model_rows(held, answers, config),
        "comparisons": _comparisons(ndcg, config.better),
        "slices": _slice_rows(held, answers, config),
        "config": asdict(config),
    }


def _model_rows(held: HeldOut, answers: Answers, config: EvaluateConfig) -> list[dict[str, Any]]:
    about = Facts.of(held)
    rows = []
    for name, lists in answers.lists.items():
        row: dict[str, Any] = {"model": name}
        row |= _of_users(_by_user(lists, held, about), config) | _of_all(lists, held, config)
        row["popularity"], row["gini"] = (_number(value) for value in popularity_bias(lists, held.listeners))
        rows.append(row | {"users": len(lists)})
    return rows


@dataclass(frozen=True)
class Facts:
    """What the measures beside accuracy look at: genres (tracks, g) and genre with artist (tracks, d), a track's length 1, and
    the weighted listens of the users asked before the cutoff (n, tracks)."""

    genres: sp.csr_matrix
    features: sp.csr_matrix
    history: sp.csr_matrix

    @classmethod
    def of(cls, held: HeldOut) -> Facts:
        frame = held.catalogue.frame
        genres, artists = (
            list_metrics.one_hot(frame[name] if name in frame else [None] * len(frame)) for name in ("genre", "artist_id")
        )
        features = list_metrics.unit_rows(sp.hstack([genres, artists], format="csr"))
        return cls(genres, features, held.interactions.matrix()[held.asked])


def _by_user(lists: Indices, held: HeldOut, about: Facts) -> dict[str, Doubles]:
    hit = metrics.hits(lists, held.truth)
    return {
        "recall": metrics.recall(hit, held.wanted),
        "ndcg": metrics.ndcg(hit, held.wanted),
        "novelty": list_metrics.novelty(lists, held.listeners, held.known_users),
        "diversity": list_metrics.diversity(lists, about.features),
        "serendipity": list_metrics.serendipity(lists, hit, about.history, about.features),
        "calibration": list_metrics.calibration_error(lists, about.history, about.genres),
        "popularity": list_metrics.popularity(lists, held.listeners),
        "popularity_lift": list_metrics.popularity_lift(lists, held.listeners, about.history),
    }


def _of_users(values: dict[str, Doubles], config: EvaluateConfig) -> dict[str, Any]:
    """Mean and interval of every measure by user; nothing of what nobody has."""
    together = np.stack(list(values.values()), axis=1)
    known = np.isfinite(together).sum(axis=0)
    ends = metrics.bootstrap_intervals(together, seed=config.seed)
    ends[known < LEAST_FOR_AN_INTERVAL] = np.nan
    row: dict[str, Any] = {}
    for name, count, total, (low, high) in zip(values, known, np.nansum(together, axis=0), ends, strict=True):
        mean = total / count if count else math.nan
        row |= {name: _number(mean), f"{name}_low": _number(low), f"{name}_high": _number(high)}
    return row


def _of_all(lists: Indices, held: HeldOut, config: EvaluateConfig) -> dict[str, Any]:
    """What only all lists together have; the Gini index itself is Evidently's."""
    names = [measure.name for measure in MEASURES if not measure.by_user]
    ends = list_metrics.exposure_intervals(lists, held.tracks, seed=config.seed)
    if len(lists) < LEAST_FOR_AN_INTERVAL:
        ends = np.full_like(ends, np.nan)
    row: dict[str, Any] = {"coverage": _number(list_metrics.coverage(lists, held.tracks))}
    for name, (low, high) in zip(names, ends, strict=True):
        row |= {f"{name}_low": _number(low), f"{name}_high": _number(high)}
    return row


def _comparisons(ndcg: dict[str, Doubles], rule: ComparisonRule) -> list[dict[str, Any]]:
    """Every model beside each that it could have to beat, in NDCG, by the rule the gate goes by."""
    return [
        {"model": name, "than": than} | compare(values, ndcg[than], rule).as_dict()
        for than in (POPULAR, IALS, LIVE_FUNNEL)
        if than in ndcg
        for name, values in ndcg.items()
        if name != than
    ]


def _slice_rows(held: HeldOut, answers: Answers, config: EvaluateConfig) -> list[dict[str, Any]]:
    rows = []
    for part in slices_of(held, config.slices):
        truth = part.truth(held)
        wanted = np.diff(truth.indptr).astype(np.int64)
        counted = wanted > 0
        if counted.any():
            ndcg = {name: metrics.ndcg(metrics.hits(lists, truth), wanted)[counted] for name, lists in answers.lists.items()}
            rows.append({"slice": part.name, "users": int(counted.sum())} | _slice(ndcg, config))
    return rows


def _slice(ndcg: dict[str, Doubles], config: EvaluateConfig) -> dict[str, Any]:
    found = _of_users(ndcg, config)
    beside = compare(ndcg[FUNNEL], ndcg[IALS], config.better)
    return {
        "ndcg": {name: found[name] for name in ndcg},
        "ndcg_low": {name: found[f"{name}_low"] for name in ndcg},
        "ndcg_high": {name: found[f"{name}_high"] for name in ndcg},
        "funnel_beside_ials": beside.as_dict(),
    }


def _number(value: float) -> float | None:
    """A JSON value; nine places, because the last bits of a sum depend on how many threads added it up."""
    return round(float(value), 9) if math.isfinite(value) else None


def _ndcg(lists: Indices, held: HeldOut) -> Doubles:
    return metrics.ndcg(metrics.hits(lists, held.truth), held.wanted)


def per_user(held: HeldOut, answers: Answers) -> pd.DataFrame:
    """One row per user: `user_id`, `wanted`, and the NDCG of every model under its name."""
    import pandas as pd

    frame = pd.DataFrame({"user_id": held.user_ids, "wanted": held.wanted})
    for name, lists in answers.lists.items():
        frame[name] = _ndcg(lists, held)
    return frame
