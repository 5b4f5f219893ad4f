"""The models that answer a held-out question, each as lists of track indices: releases as retriever and as funnel, and the
baselines. All get the same catalogue and the same tracks masked.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import scipy.sparse as sp

from segue.release import CANDIDATES
from trainers.baselines.ials import Ials, IalsConfig
from trainers.baselines.item_knn import ItemKnn, ItemKnnConfig
from trainers.baselines.popular import Popular, PopularConfig
from trainers.evaluation.heldout import HeldOut
from trainers.interactions import NOTHING, Floats, Indices, Recommender, best_first, recommend_by_score
from trainers.loading import Columns, LoadedRelease

if TYPE_CHECKING:
    import pandas as pd

_PAIRS_AT_ONCE = 500_000


@dataclass(frozen=True)
class BaselineConfigs:
    """What the baselines are set to. Chosen by NDCG@30 on the week before the held-out one of the default world."""

    popular: PopularConfig = field(default_factory=PopularConfig)
    item_knn: ItemKnnConfig = field(default_factory=ItemKnnConfig)
    ials: IalsConfig = field(default_factory=IalsConfig)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def baselines(configs: BaselineConfigs) -> dict[str, Recommender]:
    """Name in the table to the model, not yet fitted."""
    return {
        "popular": Popular(configs.popular),
        "item-kNN": ItemKnn(configs.item_knn, fallback=configs.popular),
        "iALS": Ials(configs.ials, fallback=configs.popular),
    }


def retrieve(release: LoadedRelease, held: HeldOut, k: int = CANDIDATES) -> tuple[Indices, Floats]:
    """The release's nearest tracks by exact search: indices (n, k), best first, and their dot products (n, k).

    Track vectors are made anew from the features as of the cutoff: those in the release have seen the held-out days.
    """
    vectors, queries = release.track_vectors(_columns(held.catalogue.frame)), release.query(_columns(held.users))
    rows = np.arange(len(queries))
    found = recommend_by_score(lambda some: queries[some] @ vectors.T, rows, k, held.heard, len(vectors))
    scores = [queries[some, None, :] @ vectors[found[some]].swapaxes(1, 2) for some in _chunks(len(queries), k)]
    return found, np.concatenate(scores)[:, 0, :]


def rank(release: LoadedRelease, held: HeldOut, found: Indices, scores: Floats, k: int) -> Indices:
    """The best `k` (n, k) of the retrieved tracks (n, c) by the release's ranker, best first."""
    parts = []
    for some in _chunks(len(found), found.shape[1]):
        candidates = np.maximum(found[some], 0).astype(np.int32)
        users = _columns(held.users.iloc[some].reset_index(drop=True))
        ranked = release.rank(users, held.catalogue, candidates, scores[some])
        final = np.where(found[some] == NOTHING, -np.inf, ranked.score).astype(np.float32)
        best = best_first(final, k)
        parts.append(np.where(best == NOTHING, NOTHING, np.take_along_axis(found[some], np.maximum(best, 0), axis=1)))
    return np.concatenate(parts)


def shares_found(found: Indices, truth: sp.csr_matrix) -> float:
    """Share of all the wanted tracks that are among the candidates (n, c): what the ranker can still put first."""
    rows = np.repeat(np.arange(len(found)), found.shape[1])
    hit = np.asarray(truth[rows, np.maximum(found, 0).ravel()]).ravel() * (found.ravel() != NOTHING)
    return float(hit.sum() / max(truth.nnz, 1))


def _columns(frame: pd.DataFrame) -> Columns:
    return {str(name): cast(Any, frame[name]) for name in frame.columns}


def _chunks(rows: int, width: int) -> list[slice]:
    step = max(1, _PAIRS_AT_ONCE // max(width, 1))
    return [slice(at, at + step) for at in range(0, rows, step)]
