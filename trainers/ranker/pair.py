"""The ranker as a pair: the network's score, and beside it the value of the trees.

The two err differently on the same numbers: on the default world, in the week before the held-out one, the pair orders better
than either (`infra/decisions/0010-ranker.md`). Both add to one start, with weights that lists held apart have chosen.
"""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from segue.ranker.opened import TREES, paired, prediction_of, tree_values
from trainers.ranker.arrays import arrays_of
from trainers.ranker.inputs import USER_WIDTH, Tensors
from trainers.ranker.network import RankerNetwork, looking_up, traced_halves
from trainers.ranker.rows import row
from trainers.ranker.track_rows import TrackRows, no_tracks
from trainers.ranker.trees import RankerTrees


class RankerPair(tf.Module):
    """What a release keeps: `encode_users`, `encode_tracks`, the network's `score`, the trees' `frame`, and the `weight`
    of the trees, which lie beside them as text."""

    def __init__(self, network: RankerNetwork, trees: RankerTrees, weight: float) -> None:
        super().__init__(name="ranker_pair")
        self.network, self.trees, self.inputs = network, trees, network.inputs
        self.weight = tf.Variable(weight, trainable=False, name="weight_of_trees")
        self.layout = TrackRows.of(self.track_half(no_tracks(self.inputs)))

    def user_half(self, read: Tensors) -> Tensors:
        """The network's half of users, and the numbers (n, f) the trees look at."""
        return self.network.user_half(read) | {"numbers": read["numbers"]}

    def track_half(self, read: Tensors) -> Tensors:
        """The network's half of tracks, and the numbers (m, f) the trees look at."""
        return self.network.track_half(read) | {"numbers": read["numbers"]}

    def scored(self, users: Tensors, tracks: Tensors, candidates: tf.Tensor, retrieval_scores: tf.Tensor) -> Tensors:
        """`score` (n, c) of both, and `heads` (n, c, 3) and `stays` (n, c) of the network."""
        asked = users, *self.layout.of_candidates(users, tracks, candidates), retrieval_scores
        values = tree_values(prediction_of(self.trees.booster), row(self.inputs, *asked).numpy())
        scores: Tensors = paired(self.network.judged(*asked), values, self.weight, users["belief"])
        return scores

    def by_network(self, users: Tensors, tracks: Tensors, candidates: tf.Tensor, retrieval_scores: tf.Tensor) -> Tensors:
        """What the network alone says of the candidates: `score`, `heads` and `stays`."""
        return self.network.judged(users, *self.layout.of_candidates(users, tracks, candidates), retrieval_scores)

    def for_trees(self, users: Tensors, tracks: Tensors, candidates: tf.Tensor, retrieval_scores: tf.Tensor) -> tf.Tensor:
        """What the trees look at of the candidates (n, c, 1 + f), see `trainers.ranker.rows`."""
        return row(self.inputs, users, *self.layout.of_candidates(users, tracks, candidates), retrieval_scores)

    def save(self, folder: Path) -> None:
        """Write `ranker/` as a SavedModel, and the trees into it as text."""
        booster, self.trees.booster = self.trees.booster, None
        self.encode_users, self.encode_tracks, specs = traced_halves(self, self.inputs)
        self.score = tf.function(self.by_network, input_signature=specs)
        self.frame = tf.function(self.for_trees, input_signature=specs)
        self.look_up_users = looking_up(self, self.inputs)
        self.arrays = arrays_of(self.network, self.layout, user_numbers=USER_WIDTH, trees=self.weight)
        tf.saved_model.save(self, str(folder / "ranker"))
        self.trees.booster = booster
        (folder / "ranker" / TREES).write_text(booster.model_to_string() if booster else "", encoding="utf-8")
