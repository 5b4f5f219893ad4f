"""The pair of network and trees does what each does, and the weight makes the two equals."""

from __future__ import annotations

import numpy as np
from ranker_suite import TRACKS, USERS, RankerSuite, asked, catalogue, inputs, lists
from test_ranker import fitted_network
from test_trees import FEW

from trainers.inputs import constant
from trainers.ranker_pair import RankerPair
from trainers.ranking import Lists
from trainers.trees import fit_trees


class TestPair(RankerSuite):
    kind = "both"

    def fit(self, made: Lists) -> RankerPair:
        network = fitted_network(made)
        pair = RankerPair(network, fit_trees(network.inputs, made, catalogue(), FEW, seed=17))
        pair.weigh(made, catalogue())
        return pair

    def test_both_spread_alike_within_a_list(self) -> None:
        pair, retrieved = self.usual(), constant(np.zeros((USERS, TRACKS), np.float32))
        people, tracks, candidates = asked(pair)
        network = pair.network.scored(people, tracks, candidates, retrieved)["score"].numpy()
        both = pair.scored(people, tracks, candidates, retrieved)["score"].numpy()
        np.testing.assert_allclose((both - network).std(axis=1).mean(), network.std(axis=1).mean(), rtol=1e-3)


def test_trees_that_tell_nothing_apart_get_no_weight() -> None:
    nothing = lists(played=np.zeros((USERS, TRACKS), bool))
    network = fitted_network(lists())
    pair = RankerPair(network, fit_trees(inputs(), nothing, catalogue(), FEW, seed=17))
    pair.weigh(nothing, catalogue())
    assert float(pair.weight) == 0.0
