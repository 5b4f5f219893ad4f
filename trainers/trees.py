"""The ranker as trees: LambdaRank (Burges 2010, "From RankNet to LambdaRank to LambdaMART") on the network's numbers.

An alternative to `trainers.ranker`, chosen by `RankerConfig.kind`: it learns the order of the same lists from the same
encodings, and no probabilities. A release keeps it as LightGBM's text, beside the SavedModel that makes its rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from segue.errors import SegueError
from segue.rankers import TREES, tree_scores, tree_values
from trainers.inputs import RANKER_TRACKS, RANKER_USERS, arrays, constant, constants
from trainers.ranker import Tensors, of_candidates, traced_halves
from trainers.ranker_inputs import RankerInputs

if TYPE_CHECKING:
    import lightgbm

    from trainers.examples import Catalogue
    from trainers.ranking import Lists

Floats = npt.NDArray[np.float32]
LISTS_AT_ONCE = 100


@dataclass(frozen=True)
class TreesConfig:
    """LightGBM's settings; `truncation` is how far down a list an exchange of places still counts, `trust` how much the
    retriever's own logit weighs where the trees begin: like the network, they learn what its order lacks. How many of the
    `rounds` are made is said by `share_apart` of the lists, which stop gaining for `patience` rounds: a few hundred lists are
    learned by heart otherwise.
    """

    rounds: int = 120
    rate: float = 0.08
    leaves: int = 15
    fewest_rows: int = 100
    share_of_columns: float = 0.5
    truncation: int = 30
    bins: int = 63
    trust: float = 1.0
    share_apart: float = 0.2
    patience: int = 20


class RankerTrees(tf.Module):
    """What a release keeps: `encode_users`, `encode_tracks`, `frame` and `start`, and the trees beside them."""

    def __init__(self, inputs: RankerInputs, trust: float) -> None:
        super().__init__(name="ranker_trees")
        self.inputs, self.trust = inputs, trust
        self.booster: lightgbm.Booster | None = None
        self.loss = float("nan")

    def user_half(self, read: Tensors) -> Tensors:
        """A user as it was read: the trees have no first layer."""
        return read

    def track_half(self, read: Tensors) -> Tensors:
        """A track as it was read."""
        return read

    def frame(self, users: Tensors, tracks: Tensors, candidates: tf.Tensor, retrieval_scores: tf.Tensor) -> tf.Tensor:
        """The numbers (n, c, f) the trees order candidates (n, c) by."""
        gathered, territory = of_candidates(users, tracks, candidates)
        common = self.inputs.common(users, gathered, territory, retrieval_scores * self.inputs.scale)
        shape = tf.concat([tf.shape(candidates), [users["numbers"].shape[1]]], axis=0)
        return tf.concat([common, tf.broadcast_to(users["numbers"][:, None, :], shape), gathered["numbers"]], axis=2)

    def scored(self, users: Tensors, tracks: Tensors, candidates: tf.Tensor, retrieval_scores: tf.Tensor) -> Tensors:
        """`score` (n, c) and `heads` (n, c, 3), as the network gives them."""
        frame = self.frame(users, tracks, candidates, retrieval_scores).numpy()
        scores: Tensors = tree_scores(tree_values(self.booster, frame, self.start(retrieval_scores).numpy()))
        return scores

    def start(self, retrieval_scores: tf.Tensor) -> tf.Tensor:
        """Where the trees begin (n, c), from the scores of candidates (n, c)."""
        return self.trust * self.inputs.scale * (retrieval_scores - tf.reduce_max(retrieval_scores, axis=1, keepdims=True))

    def save(self, folder: Path) -> None:
        """Write `ranker/` as a SavedModel, and the trees into it as text."""
        booster, self.booster = self.booster, None
        self.encode_users, self.encode_tracks, specs = traced_halves(self, self.inputs)
        self.frame = tf.function(self.frame, input_signature=specs)  # type: ignore[method-assign]
        self.start = tf.function(self.start, input_signature=specs[-1:])  # type: ignore[method-assign]
        tf.saved_model.save(self, str(folder / "ranker"))
        self.booster = booster
        (folder / "ranker" / TREES).write_text(booster.model_to_string() if booster else "", encoding="utf-8")


def fit_trees(inputs: RankerInputs, lists: Lists, catalogue: Catalogue, config: TreesConfig, *, seed: int) -> RankerTrees:
    """Trees trained on `lists`; their `loss` is 1 less the NDCG they reach on them.

    Raises:
        SegueError: LightGBM refuses the settings, or the trees give no number.
    """
    ranker = RankerTrees(inputs, config.trust)
    rows, starts = _rows(ranker, lists, catalogue), ranker.start(constant(lists.scores)).numpy()
    everyone = np.ones(len(lists.users), bool)
    apart = np.random.default_rng(seed).permutation(len(everyone)) < int(config.share_apart * len(everyone))
    rounds = config.rounds
    if apart.any():
        few = _boosted(_data(lists, rows, starts, ~apart, config), config, seed, _data(lists, rows, starts, apart, config))
        rounds = max(few.best_iteration, 1)
    ranker.booster = _boosted(_data(lists, rows, starts, everyone, config), replace(config, rounds=rounds), seed)
    reached = next(iter(ranker.booster.best_score["lists"].values()))
    if not np.isfinite(ranker.booster.predict(rows[:1_000], num_threads=1)).all() or not np.isfinite(reached):
        raise _refusal("no number")
    ranker.loss = 1.0 - float(reached)
    return ranker


def _data(lists: Lists, rows: Floats, starts: Floats, whose: npt.NDArray[np.bool_], config: TreesConfig) -> lightgbm.Dataset:
    """LightGBM's form of the lists of some users (n,), from the rows (listed, f) of all and where they begin (n, c)."""
    import lightgbm

    listed = lists.listed & whose[:, None]
    shown = np.minimum(lists.place, config.truncation)[listed]
    return lightgbm.Dataset(
        rows[np.broadcast_to(whose[:, None], listed.shape)[lists.listed]],
        label=np.round(2 * lists.success[listed]),
        group=lists.listed[whose].sum(axis=1),
        init_score=starts[listed],
        position=shown if shown.any() else None,
        free_raw_data=False,
    )


def _boosted(
    data: lightgbm.Dataset, config: TreesConfig, seed: int, apart: lightgbm.Dataset | None = None
) -> lightgbm.Booster:
    """Trees on `data`; with lists `apart`, only until those gain nothing more."""
    import lightgbm

    stop: list[Any] = [lightgbm.early_stopping(config.patience, verbose=False)] if apart else []
    watched = apart or data
    try:
        return lightgbm.train(
            _settings(config, seed), data, config.rounds, valid_sets=[watched], valid_names=["lists"], callbacks=stop
        )
    except lightgbm.basic.LightGBMError as problem:
        raise _refusal(str(problem).splitlines()[0]) from problem


def _settings(config: TreesConfig, seed: int) -> dict[str, Any]:
    return {
        "objective": "lambdarank",
        "metric": "ndcg",
        "eval_at": [config.truncation],
        "label_gain": [0, 1, 2],
        "lambdarank_truncation_level": config.truncation,
        "learning_rate": config.rate,
        "num_leaves": config.leaves,
        "min_data_in_leaf": config.fewest_rows,
        "feature_fraction": config.share_of_columns,
        "max_bin": config.bins,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "seed": seed,
        "verbose": -1,
    }


def _rows(ranker: RankerTrees, lists: Lists, catalogue: Catalogue) -> Floats:
    """The numbers (listed, f) of everything listed, list by list."""
    users = ranker.inputs.read_users(constants(arrays(lists.users, RANKER_USERS)))
    tracks = ranker.inputs.read_tracks(constants(arrays(catalogue.frame, RANKER_TRACKS)))
    tracks["territory"] = constant(catalogue.popularity)
    parts = []
    for at in range(0, len(lists.users), LISTS_AT_ONCE):
        some = slice(at, at + LISTS_AT_ONCE)
        people = {name: values[some] for name, values in users.items()}
        rows = ranker.frame(people, tracks, constant(lists.candidates[some]), constant(lists.scores[some]))
        parts.append(rows.numpy()[lists.listed[some]])
    return np.concatenate(parts)


def _refusal(received: str) -> SegueError:
    return SegueError(
        expected="trees that give numbers",
        received=received,
        mend="correct TreesConfig (its rate first), or look for absurd values in the features of this day",
    )
