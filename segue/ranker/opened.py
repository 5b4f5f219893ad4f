"""The kinds of ranker a release may hold, opened with one interface: whoever scores need not know which it is.

`network`: everything is in the SavedModel `ranker/`. `lambdarank`: the SavedModel encodes and makes a candidate's row of
numbers (`frame`), of which the first says where the order begins, and `ranker/trees.txt`, LightGBM's own text format, adds to
it by the others. `both`: the network's score, to which the trees add.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.errors import SegueError
from segue.ranker.crosses import AWAY, RETRIEVED_SCALE
from segue.ranker.quick import QuickRanker, has_arrays
from segue.ranker.trees import no_trees, quick_trees
from segue.release import Manifest

NETWORK, LAMBDARANK, BOTH = "network", "lambdarank", "both"
TREES = "trees.txt"

USERS_AT_ONCE = 32

Floats = npt.NDArray[np.float32]
Predict = Callable[[Floats], npt.NDArray[np.float64]]


def ranker_kind(manifest: Manifest) -> str:
    """Which kind of ranker a release holds."""
    return str(manifest.hyperparameters.get("ranker", {}).get("kind", NETWORK))


def open_ranker(folder: Path, kind: str) -> Any:
    """The ranker in a release folder: `encode_users`, `encode_tracks` and `score` as `segue.release` has them.

    Raises:
        SegueError: a kind nobody knows.
    """
    if kind not in (NETWORK, LAMBDARANK, BOTH):
        raise SegueError(
            expected=f"a release whose ranker is {NETWORK}, {LAMBDARANK} or {BOTH}",
            received=repr(kind),
            mend="open it with the version of Segue that made it, or train again",
        )
    import tensorflow as tf

    model = tf.saved_model.load(str(folder / "ranker"))
    booster = None if kind == NETWORK else _booster(folder / "ranker" / TREES)
    if kind != LAMBDARANK and has_arrays(model):
        trees = quick_trees(booster) if booster else no_trees()
        if trees is not None:
            return QuickRanker(model, trees)
    if booster is None:
        return GraphRanker(model)
    return (TreeRanker if kind == LAMBDARANK else PairedRanker)(model, prediction_of(booster))


def _booster(path: Path) -> Any:
    import lightgbm

    return lightgbm.Booster(model_file=path)


@lru_cache(maxsize=2)
def prediction_of(booster: Any) -> Predict:
    """What gives the values (n,) of a booster's trees for rows (n, f): as bit vectors where these can, which is the same to
    the last bit and several times quicker, else as LightGBM does it."""
    trees = quick_trees(booster)
    return trees.predict if trees else partial(booster.predict, num_threads=1)


class GraphRanker:
    """The SavedModel as it is. Users are scored some at a time: what lies between two of its operations stays in the
    processor's cache."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def encode_users(self, inputs: Any) -> dict[str, Any]:
        """Encoded users (n, ...)."""
        return dict(self._model.encode_users(inputs))

    def encode_tracks(self, inputs: Any) -> dict[str, Any]:
        """Encoded tracks (m, ...)."""
        return dict(self._model.encode_tracks(inputs))

    def score(self, users: Any, tracks: Any, candidates: Any, retrieval_scores: Any) -> dict[str, Any]:
        """`score` (n, c), `heads` (n, c, 3) and `stays` (n, c) of candidates (n, c), as `segue.release` describes them."""
        parts = []
        for at in range(0, max(len(candidates), 1), USERS_AT_ONCE):
            some = slice(at, at + USERS_AT_ONCE)
            rows = {name: values[some] for name, values in users.items()}
            parts.append(self._scored(rows, tracks, candidates[some], retrieval_scores[some]))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _scored(self, *asked: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._model.score(*asked)
        return answer


class TreeRanker(GraphRanker):
    """Trees over the numbers a SavedModel makes of users and tracks; answers as the network does, see `tree_scores`."""

    def __init__(self, model: Any, predict: Predict) -> None:
        super().__init__(model)
        self._predict = predict

    def _scored(self, *asked: Any) -> dict[str, Any]:
        frame = self._model.frame(*asked)
        scores = tree_scores(frame.numpy(), self._predict, _belief(asked[0]))
        return scores | {"stays": self._model.stays(frame)} if hasattr(self._model, "stays") else scores


class PairedRanker(TreeRanker):
    """A network with trees beside it, where these or the release are of a kind that `QuickRanker` does not know."""

    def _scored(self, *asked: Any) -> dict[str, Any]:
        values = tree_values(self._predict, self._model.frame(*asked).numpy())
        return paired(self._model.score(*asked), values, self._model.weight, _belief(asked[0]))


def weighed(answer: Mapping[str, Any], staying: float) -> Floats:
    """What a personal list is ordered by (n, c): the `score` of a ranker's answer, and by the weight of the policy what the
    listener `stays` with, where the release knows."""
    score: Floats = np.asarray(answer["score"])
    if not staying or "stays" not in answer:
        return score
    stays: Floats = np.asarray(answer["stays"])
    return (score + np.float32(staying) * stays).astype(np.float32)


def tree_values(predict: Predict, frame: Floats) -> Floats:
    """What trees add (n, c) to where rows (n, c, 1 + f) begin: more is better."""
    n, c, width = frame.shape
    value = predict(frame.reshape(n * c, width)[:, 1:]) if n * c else np.zeros(0)
    return value.reshape(n, c).astype(np.float32)


def tree_scores(frame: Floats, predict: Predict, belief: Floats) -> dict[str, Any]:
    """`score` (n, c) and `heads` (n, c, 3) of trees alone, from rows (n, c, 1 + f), of listeners whom they know with so much
    `belief` (n,). They know an order and no probabilities: the score stands, squeezed between 0 and 1, for the first head, and
    the other two are 0."""
    import tensorflow as tf

    away = frame[:, :, 1 + AWAY] * np.float32(RETRIEVED_SCALE)
    values = drawn(frame[:, :, 0] + tree_values(predict, frame), away, belief)
    first = (1.0 / (1.0 + np.exp(-np.clip(values, -60, 60)))).astype(np.float32)
    heads = np.stack([first, np.zeros_like(first), np.zeros_like(first)], axis=2)
    return {"score": tf.constant(values), "heads": tf.constant(heads)}


def paired(network: Mapping[str, Any], values: Floats, weight: Any, belief: Any) -> dict[str, Any]:
    """The network's answer with what the trees add (n, c), weighted, on its score, for listeners with `belief` (n,)."""
    return {**network, "score": network["score"] + weight * belief[:, None] * values}


def drawn(score: Any, away: Any, belief: Any) -> Any:
    """A ranker's `score` (n, c) drawn towards the retriever's order, which is how far `away` from its best candidate it has
    each (n, c): what the ranker makes of listeners counts as far as there is `belief` (n,) in it."""
    return away + belief[:, None] * (score - away)


def _belief(users: Mapping[str, Any]) -> Any:
    """That in encoded users; 1 for all in a release that was made without it."""
    return users["belief"] if "belief" in users else np.ones(len(users["territory"]), np.float32)
