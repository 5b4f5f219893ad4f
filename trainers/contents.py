"""The files of a release, from fitted models: towers, vectors, index, ranker, catalogue, and the baseline of drift."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segue.ranker.opened import weighed
from segue.release import CANDIDATES
from trainers.examples import Catalogue
from trainers.fitting import Fitted
from trainers.index import IndexConfig, build_index, recall, save_index
from trainers.inputs import QUERY, RANKER_TRACKS, RANKER_USERS, SOURCED, TRACK, arrays, constant, constants
from trainers.loading import Floats, by_territory
from trainers.release_rows import ReleaseRows
from trainers.retriever.model import save_towers
from trainers.retriever.retrieval import heard_places, top_unheard, vectors_of

if TYPE_CHECKING:
    import pandas as pd

INPUTS = {"query": QUERY, "track": TRACK, "ranker_users": RANKER_USERS, "ranker_tracks": RANKER_TRACKS}
SHOWN = 30
RECALL_QUERIES = 500


def write_catalogue(folder: Path, fitted: Fitted, catalogue: Catalogue) -> Floats:
    """`tracks.parquet`, `vectors.npy`, the towers and the ranker with its tracks; the track vectors (m, d)."""
    catalogue.frame.to_parquet(folder / "tracks.parquet", index=False)
    save_towers(fitted.retriever, folder)
    vectors = vectors_of(fitted.retriever.track, catalogue.frame)
    np.save(folder / "vectors.npy", vectors, allow_pickle=False)
    fitted.ranker.save(folder)
    (folder / "ranker_tracks").mkdir()
    for name, values in ranker_tracks(fitted, catalogue).items():
        np.save(folder / "ranker_tracks" / f"{name}.npy", values.numpy(), allow_pickle=False)
    return vectors


def ranker_tracks(fitted: Fitted, catalogue: Catalogue) -> dict[str, Any]:
    """What `score` needs of every track of `catalogue`."""
    ranker = fitted.ranker
    read = ranker.inputs.read_tracks(constants(arrays(catalogue.frame, RANKER_TRACKS)))
    return ranker.layout.packed(ranker.track_half(read)) | {"territory": constant(by_territory(catalogue, fitted.territories))}


def write_index(folder: Path, vectors: Floats, queries: Floats, config: IndexConfig, *, exact_below: int) -> dict[str, Any]:
    """`index/` for a large catalogue, and how well it searches; nothing for a small one.

    The recall is all that says what the index costs: the evaluation and the gate search exactly (`contenders.retrieve`).
    """
    k = min(config.neighbours if len(vectors) > 2 * config.neighbours else 100, len(vectors))
    if len(vectors) < exact_below:
        return {"kind": "exact", f"recall_at_{k}": 1.0}
    searcher = build_index(vectors, config)
    save_index(searcher, folder / "index")
    return {"kind": "scann", f"recall_at_{k}": round(recall(searcher, queries[:RECALL_QUERIES], vectors, k), 4)}


def reference(fitted: Fitted, rows: ReleaseRows, staying: float) -> tuple[pd.DataFrame, Floats]:
    """The listens of `rows` with the scores of this release; and query vectors of their users.

    `retrieval_score` is the listen's own. `score` is not: it is the final score of a track the release would have shown that
    user at the cutoff, the best 30 of as many candidates as serving ranks, in turn, because that is what the prediction log
    has to be compared with. `staying` is the policy's weight in it.
    """
    frame, moment = rows.listens, {"hour_of_day": -1, "day_of_week": -1}
    query = vectors_of(fitted.retriever.query, frame.assign(**moment))
    track = vectors_of(fitted.retriever.track, frame.assign(**{name: rows.sourced[name] for name in SOURCED}))
    shown, queries = _shown_scores(fitted, rows.users, staying)
    turn = frame.groupby("user_id").cumcount().to_numpy()
    score = [shown[user][n % len(shown[user])] for user, n in zip(frame["user_id"], turn, strict=True)]
    return frame.assign(retrieval_score=(query * track).sum(axis=1), score=np.asarray(score, np.float32)), queries


def _shown_scores(fitted: Fitted, users: pd.DataFrame, staying: float) -> tuple[dict[str, Floats], Floats]:
    """The final scores (30) of the tracks each of `users` would be shown at the cutoff, and the query vectors (n, d)."""
    catalogue, ids = fitted.task.known, users["user_id"].to_numpy(dtype=object)
    vectors = vectors_of(fitted.retriever.track, catalogue.frame)
    queries = vectors_of(fitted.retriever.query, users)
    heard = heard_places(fitted.task.listens, ids, catalogue, fitted.task.split.cutoff)
    tracks = ranker_tracks(fitted, catalogue)
    found = top_unheard(queries, vectors, heard, min(CANDIDATES, len(vectors)))
    shown: dict[str, Floats] = {}
    for at in range(0, len(ids), 100):
        some = slice(at, at + 100)
        read = fitted.ranker.inputs.read_users(constants(arrays(users.iloc[some], RANKER_USERS)))
        scores = np.einsum("nd,ncd->nc", queries[some], vectors[found[some]])
        scored = fitted.ranker.scored(fitted.ranker.user_half(read), tracks, constant(found[some]), constant(scores))
        best = -np.sort(-weighed(scored, staying), axis=1)[:, :SHOWN]
        shown |= dict(zip(ids[some], best, strict=True))
    return shown, queries
