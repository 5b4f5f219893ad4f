"""The ranker as a pair: the network's score, and beside it the value of the trees.

The two err differently on the same numbers: on the default world, in the week before the held-out one, the pair orders better
than either (`infra/decisions/0010-ranker.md`). A fixed weight makes the trees spread as widely within a list as the network
does, so a track's score does not depend on what else is in its list.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from segue.rankers import TREES, paired, tree_values
from trainers.examples import Catalogue
from trainers.inputs import RANKER_TRACKS, RANKER_USERS, arrays, constant, constants
from trainers.ranker import RankerNetwork, Tensors, traced_halves
from trainers.ranking import Lists
from trainers.trees import LISTS_AT_ONCE, RankerTrees

WEIGHED_LISTS = 500
"""Lists that the weight is taken from: it is one number, and settles long before all of them are asked."""


class RankerPair(tf.Module):
    """What a release keeps: `encode_users`, `encode_tracks`, the network's `score`, the trees' `frame` and `start`, and the
    `weight` of the trees, which lie beside them as text."""

    def __init__(self, network: RankerNetwork, trees: RankerTrees) -> None:
        super().__init__(name="ranker_pair")
        self.network, self.trees, self.inputs = network, trees, network.inputs
        self.weight = tf.Variable(1.0, trainable=False, name="weight_of_trees")

    def user_half(self, read: Tensors) -> Tensors:
        """The network's half of users, and the numbers (n, f) the trees look at."""
        return self.network.user_half(read) | {"numbers": read["numbers"]}

    def track_half(self, read: Tensors) -> Tensors:
        """The network's half of tracks, and the numbers (m, f) the trees look at."""
        return self.network.track_half(read) | {"numbers": read["numbers"]}

    def scored(self, users: Tensors, tracks: Tensors, candidates: tf.Tensor, retrieval_scores: tf.Tensor) -> Tensors:
        """`score` (n, c) of both and `heads` (n, c, 3) of the network."""
        network, values = self._apart(users, tracks, candidates, retrieval_scores)
        scores: Tensors = paired(network, values, self.weight)
        return scores

    def _apart(
        self, users: Tensors, tracks: Tensors, candidates: tf.Tensor, retrieval_scores: tf.Tensor
    ) -> tuple[Tensors, np.ndarray]:
        asked = users, tracks, candidates, retrieval_scores
        values = tree_values(self.trees.booster, self.trees.frame(*asked).numpy(), self.trees.start(retrieval_scores).numpy())
        return self.network.scored(*asked), values

    def weigh(self, lists: Lists, catalogue: Catalogue) -> None:
        """Give the trees the weight with which they spread within `lists` as the network does."""
        tracks = self.track_half(self.inputs.read_tracks(constants(arrays(catalogue.frame, RANKER_TRACKS))))
        tracks["territory"] = constant(catalogue.popularity)
        spreads = []
        for at in range(0, min(len(lists.users), WEIGHED_LISTS), LISTS_AT_ONCE):
            some = slice(at, min(at + LISTS_AT_ONCE, WEIGHED_LISTS))
            users = self.user_half(self.inputs.read_users(constants(arrays(lists.users.iloc[some], RANKER_USERS))))
            asked = constant(lists.candidates[some]), constant(lists.scores[some])
            network, values = self._apart(users, tracks, *asked)
            outside = ~lists.listed[some]
            both = [np.ma.array(scores, mask=outside) for scores in (network["score"].numpy(), values)]
            spreads.append(np.stack([scores.std(axis=1).filled(0.0) for scores in both]))
        network_spread, trees_spread = np.concatenate(spreads, axis=1).mean(axis=1)
        self.weight.assign(network_spread / trees_spread if trees_spread > 0 else 0.0)

    def save(self, folder: Path) -> None:
        """Write `ranker/` as a SavedModel, and the trees into it as text."""
        booster, self.trees.booster = self.trees.booster, None
        self.encode_users, self.encode_tracks, specs = traced_halves(self, self.inputs)
        self.score = tf.function(self.network.scored, input_signature=specs)
        self.frame = tf.function(self.trees.frame, input_signature=specs)
        self.start = tf.function(self.trees.start, input_signature=specs[-1:])
        tf.saved_model.save(self, str(folder / "ranker"))
        self.trees.booster = booster
        (folder / "ranker" / TREES).write_text(booster.model_to_string() if booster else "", encoding="utf-8")
