"""The ranker as trees: LambdaRank (Burges 2010, "From RankNet to LambdaRank to LambdaMART") on the network's numbers.

An alternative to `trainers.ranker.network`, chosen by `RankerConfig.kind`: it learns the order of the same lists from the same
encodings, and no probabilities. A release keeps it as LightGBM's text, beside the SavedModel that makes its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from segue.errors import SegueError
from segue.ranker.crosses import WIDTH
from segue.ranker.opened import TREES, prediction_of, tree_scores
from trainers.layers.crosses import staying
from trainers.ranker.inputs import RankerInputs, Tensors
from trainers.ranker.network import traced_halves
from trainers.ranker.rows import row, rows
from trainers.ranker.track_rows import TrackRows, no_tracks

if TYPE_CHECKING:
    import lightgbm

    from trainers.examples import Catalogue
    from trainers.ranker.lists import Lists

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TreesConfig:
    """LightGBM's settings; `truncation` is how far down a list an exchange of places still counts. How many of the `rounds`
    are made is said by `share_apart` of the lists, which stop gaining for `patience` rounds: a few hundred lists are learned
    by heart otherwise.
    """

    rounds: int = 120
    rate: float = 0.08
    leaves: int = 15
    fewest_rows: int = 100
    share_of_columns: float = 0.5
    truncation: int = 30
    bins: int = 63
    share_apart: float = 0.2
    patience: int = 20


class RankerTrees(tf.Module):
    """What a release keeps: `encode_users`, `encode_tracks` and `frame`, and the trees beside them."""

    def __init__(self, inputs: RankerInputs) -> None:
        super().__init__(name="ranker_trees")
        self.inputs, self.layout = inputs, TrackRows.of(no_tracks(inputs))
        self.booster: lightgbm.Booster | None = None
        self.loss = float("nan")

    def user_half(self, read: Tensors) -> Tensors:
        """A user as it was read: the trees have no first layer."""
        return read

    def track_half(self, read: Tensors) -> Tensors:
        """A track as it was read."""
        return read

    def frame(self, users: Tensors, tracks: Tensors, candidates: tf.Tensor, retrieval_scores: tf.Tensor) -> tf.Tensor:
        """The numbers (n, c, 1 + f) of candidates (n, c): where the trees begin, and what they order by."""
        return row(self.inputs, users, *self.layout.of_candidates(users, tracks, candidates), retrieval_scores)

    def stays(self, frame: tf.Tensor) -> tf.Tensor:
        """How far a listener stays with each candidate longer than with the usual track (n, c), from its row in a `frame`."""
        return staying(frame[..., 1 : 1 + WIDTH])

    def scored(self, users: Tensors, tracks: Tensors, candidates: tf.Tensor, retrieval_scores: tf.Tensor) -> Tensors:
        """`score`, `stays` (n, c) and `heads` (n, c, 3), as the network gives them."""
        frame = self.frame(users, tracks, candidates, retrieval_scores)
        scores: Tensors = tree_scores(frame.numpy(), prediction_of(self.booster), users["belief"].numpy())
        return scores | {"stays": self.stays(frame)}

    def save(self, folder: Path) -> None:
        """Write `ranker/` as a SavedModel, and the trees into it as text."""
        booster, self.booster = self.booster, None
        self.encode_users, self.encode_tracks, specs = traced_halves(self, self.inputs)
        self.frame = tf.function(self.frame, input_signature=specs)  # type: ignore[method-assign]
        rows = tf.TensorSpec([None, None, None], tf.float32)
        self.stays = tf.function(self.stays, input_signature=[rows])  # type: ignore[method-assign]
        tf.saved_model.save(self, str(folder / "ranker"))
        self.booster = booster
        (folder / "ranker" / TREES).write_text(booster.model_to_string() if booster else "", encoding="utf-8")


class TreeLists:
    """Lists with the rows of numbers that trees learn from, made once for all the trees that are made of them."""

    def __init__(self, inputs: RankerInputs, lists: Lists, catalogue: Catalogue, config: TreesConfig, *, seed: int) -> None:
        self.ranker, self.lists, self.config, self.seed = RankerTrees(inputs), lists, config, seed
        self.asked_for: list[int] = []
        at, parts = 0, []
        for some in rows(inputs, lists, catalogue):
            parts.append(some[lists.listed[at : at + len(some)]])
            at += len(some)
        self.rows = np.concatenate(parts)

    def boosted(self, whose: npt.NDArray[np.bool_], rounds: int) -> lightgbm.Booster:
        """Trees learned in `rounds` from the lists `whose` (n,) marks."""
        return _boosted(self._data(whose), replace(self.config, rounds=rounds), self.seed)

    def rounds_for(self, whose: npt.NDArray[np.bool_]) -> int:
        """In how many rounds the lists `whose` (n,) marks are learned, as some of them, held apart, say."""
        apart, learned = np.zeros_like(whose), np.flatnonzero(whose)
        order = np.random.default_rng(self.seed).permutation(len(learned))
        apart[learned[order < int(self.config.share_apart * len(learned))]] = True
        if not apart.any():
            return self.config.rounds
        return max(_boosted(self._data(whose & ~apart), self.config, self.seed, self._data(apart)).best_iteration, 1)

    def learned_without(self, apart: npt.NDArray[np.bool_]) -> Floats:
        """What trees of the lists that `apart` (n,) does not mark add (w, c) on the others; 0 for what was not listed."""
        listed = self.lists.listed[apart]
        values = np.zeros(listed.shape, np.float32)
        self.asked_for.append(self.rounds_for(~apart))
        trees = self.boosted(~apart, self.asked_for[-1])
        values[listed] = trees.predict(self._rows_of(apart)[:, 1:], num_threads=1)
        return values

    def judged_and_fitted(self, turns: Sequence[npt.NDArray[np.bool_]]) -> tuple[list[Floats], RankerTrees]:
        """What `learned_without` gives in each of `turns`, and then `fitted`."""
        return [self.learned_without(apart) for apart in turns], self.fitted()

    def fitted(self) -> RankerTrees:
        """Trees of all the lists, in as many rounds as were asked for where some had been held apart, if they were; their
        `loss` is 1 less the NDCG they reach on them.

        Raises:
            SegueError: LightGBM refuses the settings, or the trees give no number.
        """
        every = np.ones(len(self.lists.users), bool)
        rounds = round(float(np.mean(self.asked_for))) if self.asked_for else self.rounds_for(every)
        booster = self.boosted(every, rounds)
        reached = booster.eval_train()[0][2]
        if not np.isfinite(booster.predict(self.rows[:1_000, 1:], num_threads=1)).all() or not np.isfinite(reached):
            raise _refusal("no number")
        self.ranker.booster, self.ranker.loss = booster.free_dataset(), 1.0 - float(reached)
        return self.ranker

    def _rows_of(self, whose: npt.NDArray[np.bool_]) -> Floats:
        rows: Floats = self.rows[np.broadcast_to(whose[:, None], self.lists.listed.shape)[self.lists.listed]]
        return rows

    def _data(self, whose: npt.NDArray[np.bool_]) -> lightgbm.Dataset:
        """LightGBM's form of the lists of some users (n,)."""
        import lightgbm

        lists, rows = self.lists, self._rows_of(whose)
        listed = lists.listed & whose[:, None]
        shown = np.minimum(lists.place, self.config.truncation)[listed]
        return lightgbm.Dataset(
            rows[:, 1:],
            label=np.round(2 * lists.success[listed]),
            group=lists.listed[whose].sum(axis=1),
            init_score=rows[:, 0],
            position=shown if shown.any() else None,
            free_raw_data=False,
        )


def _boosted(
    data: lightgbm.Dataset, config: TreesConfig, seed: int, apart: lightgbm.Dataset | None = None
) -> lightgbm.Booster:
    """Trees on `data`; with lists `apart`, only until those gain nothing more."""
    import lightgbm

    watched: dict[str, Any] = {}
    if apart:
        watched = {"valid_sets": [apart], "callbacks": [lightgbm.early_stopping(config.patience, verbose=False)]}
    try:
        return lightgbm.train(_settings(config, seed), data, config.rounds, keep_training_booster=not apart, **watched)
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


def _refusal(received: str) -> SegueError:
    return SegueError(
        expected="trees that give numbers",
        received=received,
        mend="correct TreesConfig (its rate first), or look for absurd values in the features of this day",
    )
