"""The two kinds of ranker a release may hold, opened with one interface: whoever scores need not know which it is.

`network`: everything is in the SavedModel `ranker/`. `lambdarank`: the SavedModel encodes and makes a candidate's row of
numbers (`frame`), and `ranker/trees.txt`, LightGBM's own text format, orders by them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from segue.errors import SegueError
from segue.release import Manifest

NETWORK, LAMBDARANK = "network", "lambdarank"
TREES = "trees.txt"
SMALLEST = 1e-30


def ranker_kind(manifest: Manifest) -> str:
    """Which kind of ranker a release holds."""
    return str(manifest.hyperparameters.get("ranker", {}).get("kind", NETWORK))


def open_ranker(folder: Path, kind: str) -> Any:
    """The ranker in a release folder: `encode_users`, `encode_tracks`, `score` and `blend` as `segue.release` has them.

    Raises:
        SegueError: a kind nobody knows.
    """
    if kind not in (NETWORK, LAMBDARANK):
        raise SegueError(
            expected=f"a release whose ranker is {NETWORK} or {LAMBDARANK}",
            received=repr(kind),
            mend="open it with the version of Segue that made it, or train again",
        )
    import tensorflow as tf

    model = tf.saved_model.load(str(folder / "ranker"))
    if kind == NETWORK:
        return model
    import lightgbm

    return TreeRanker(model, lightgbm.Booster(model_file=str(folder / "ranker" / TREES)))


class TreeRanker:
    """Trees over the numbers a SavedModel makes of users and tracks; answers as the network does."""

    def __init__(self, model: Any, booster: Any) -> None:
        self._model, self._booster = model, booster
        self.encode_users, self.encode_tracks, self.blend = model.encode_users, model.encode_tracks, model.blend

    def score(self, users: Any, tracks: Any, candidates: Any, retrieval_scores: Any) -> dict[str, Any]:
        """`score` (n, c) and `heads` (n, c, 3) of candidates (n, c); see `tree_scores`."""
        return tree_scores(self._booster, self._model.frame(users, tracks, candidates, retrieval_scores).numpy())


def tree_scores(booster: Any, frame: Any) -> dict[str, Any]:
    """`score` (n, c) and `heads` (n, c, 3) of rows (n, c, f). The trees know an order and no probabilities: their value
    stands, squeezed between 0 and 1, for the first head, and the other two are 0."""
    import tensorflow as tf

    n, c, width = frame.shape
    value = booster.predict(frame.reshape(n * c, width), num_threads=1) if n * c else np.zeros(0)
    first = (1.0 / (1.0 + np.exp(-np.clip(value, -60, 60)))).astype(np.float32).reshape(n, c)
    heads = np.stack([first, np.zeros_like(first), np.zeros_like(first)], axis=2)
    return {"score": tf.constant(np.log(np.maximum(first, SMALLEST))), "heads": tf.constant(heads)}
