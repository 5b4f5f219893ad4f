"""The pair of network and trees does what each does, on one start and with the weight it was given."""

from __future__ import annotations

import numpy as np
from ranker_suite import TRACKS, USERS, RankerSuite, asked, catalogue
from test_ranker import fitted_network
from test_trees import FEW

from trainers.inputs import constant
from trainers.ranker.lists import Lists
from trainers.ranker.pair import RankerPair
from trainers.ranker.trees import TreeLists


def pair_of(made: Lists, weight: float) -> RankerPair:
    network = fitted_network(made)
    return RankerPair(network, TreeLists(network.inputs, made, catalogue(), FEW, seed=17).fitted(), weight)


class TestPair(RankerSuite):
    kind = "both"

    def fit(self, made: Lists) -> RankerPair:
        return pair_of(made, 0.5)

    def test_the_trees_add_to_the_network_as_much_as_their_weight_says(self) -> None:
        pair, retrieved = self.usual(), constant(np.zeros((USERS, TRACKS), np.float32))
        both, network, trees = (part.scored(*asked(part), retrieved)["score"] for part in (pair, pair.network, pair.trees))
        np.testing.assert_allclose((both - network).numpy(), 0.5 * trees.numpy(), atol=1e-6)
