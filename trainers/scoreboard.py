"""From every contender's lists to the report of an evaluation: one row per model, one per slice, one value per user."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from segue.playlists import PLAYLIST_LENGTH
from segue.release import Manifest
from trainers import metrics
from trainers.contenders import BaselineConfigs
from trainers.evaluation import LiveState
from trainers.heldout import HeldOut
from trainers.interactions import Indices
from trainers.slices import SliceConfig, slices_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class EvaluateConfig:
    """`k` tracks per list; `seed` draws the bootstrap."""

    k: int = PLAYLIST_LENGTH
    seed: int = 17
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
    return {
        "version": manifest.version,
        "as_of": manifest.as_of.isoformat(),
        "cutoff": held.split.cutoff.isoformat(),
        "end": held.split.end.isoformat(),
        "k": config.k,
        "users": len(held.user_ids),
        "tracks": held.tracks,
        "answers": int(held.truth.nnz),
        "answers_out_of_reach": held.out_of_reach,
        "found_among_candidates": round(answers.found_among_candidates, 6),
        "live": {"version": answers.live, "state": answers.live_state.name.lower()},
        "models": [_model_row(name, lists, held, config) for name, lists in answers.lists.items()],
        "slices": _slice_rows(held, answers, config),
        "config": asdict(config),
    }


def _model_row(name: str, lists: Indices, held: HeldOut, config: EvaluateConfig) -> dict[str, Any]:
    hit = metrics.hits(lists, held.truth)
    values = metrics.ndcg(hit, held.wanted)
    low, high = metrics.bootstrap_interval(values, seed=config.seed)
    return {
        "model": name,
        "recall": float(metrics.recall(hit, held.wanted).mean()),
        "ndcg": float(values.mean()),
        "ndcg_low": low,
        "ndcg_high": high,
        "coverage": metrics.coverage(lists, held.tracks),
        "novelty": metrics.novelty(lists, held.listeners, held.known_users),
        "users": len(values),
    }


def _slice_rows(held: HeldOut, answers: Answers, config: EvaluateConfig) -> list[dict[str, Any]]:
    rows = []
    for part in slices_of(held, config.slices):
        truth = part.truth(held)
        wanted = np.diff(truth.indptr).astype(np.int64)
        row: dict[str, Any] = {"slice": part.name, "users": int((wanted > 0).sum())}
        if row["users"]:
            row["ndcg"] = {name: _mean_ndcg(lists, truth, wanted) for name, lists in answers.lists.items()}
            rows.append(row)
    return rows


def _mean_ndcg(lists: Indices, truth: sp.csr_matrix, wanted: Indices) -> float:
    counted = wanted > 0
    return float(metrics.ndcg(metrics.hits(lists, truth), wanted)[counted].mean())


def per_user(held: HeldOut, answers: Answers) -> pd.DataFrame:
    """One row per user: `user_id`, `wanted`, and the NDCG of every model under its name."""
    import pandas as pd

    frame = pd.DataFrame({"user_id": held.user_ids, "wanted": held.wanted})
    for name, lists in answers.lists.items():
        frame[name] = metrics.ndcg(metrics.hits(lists, held.truth), held.wanted)
    return frame
