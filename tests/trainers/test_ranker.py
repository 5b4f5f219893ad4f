"""The ranker's network starts as the retriever, learns what it lacks, and harms nothing where there is no feedback."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from ranker_suite import TRACKS, USERS, RankerSuite, catalogue, inputs, lists, scored, users

from segue.errors import SegueError
from trainers.inputs import constant
from trainers.layers.low_rank_cross import LowRankCross
from trainers.ranker.lists import EXTRA_PLAYS, Lists, make_lists
from trainers.ranker.network import BlendWeights, NetworkShape, RankerNetwork, blended
from trainers.ranker.ranking import Ranker, RankerConfig


def _network(blend: BlendWeights | None = None) -> RankerNetwork:
    tf.keras.utils.set_random_seed(17)
    return RankerNetwork(inputs(), blend or BlendWeights(), NetworkShape(hidden=16, taste=4, crosses=1, cross_rank=4))


# Ninety passes: from some starts of the weights forty-five do not tell four kinds of track apart yet.
def _fit(network: RankerNetwork, made: Lists, *, heads: tuple[bool, bool] = (False, False), epochs: int = 90) -> RankerNetwork:
    config = RankerConfig(lists=16, epochs=epochs, rate=1e-2)
    Ranker(network, config, heads_known=heads).fit_lists(made, catalogue(), seed=17)
    return network


def fitted_network(made: Lists) -> RankerNetwork:
    return _fit(_network(BlendWeights(save=0.0, early_skip=0.0)), made)


class TestNetwork(RankerSuite):
    kind = "network"

    def fit(self, made: Lists) -> RankerNetwork:
        return fitted_network(made)

    def test_heads_without_feedback_stay_at_a_half_and_weigh_nothing(self) -> None:
        network = self.usual()
        found = scored(network)
        order = np.argsort(-found["score"], axis=1, kind="stable")
        np.testing.assert_array_equal(order, np.argsort(-found["heads"][..., 0], axis=1, kind="stable"))
        assert network.heads.kernel.numpy()[:, 1:].any() == False  # noqa: E712


def test_an_untrained_ranker_keeps_the_order_of_the_retriever() -> None:
    scores = np.random.default_rng(17).random((USERS, TRACKS)).astype(np.float32)
    order = np.argsort(-scored(_network(), scores)["score"], axis=1)
    np.testing.assert_array_equal(order, np.argsort(-scores, axis=1))


def test_the_skip_head_is_learned_from_plays_and_lowers_the_score() -> None:
    own = lists().played
    found = scored(_fit(_network(), lists(played=np.ones((USERS, TRACKS), bool), skipped=~own), heads=(True, False)))
    skip = found["heads"][..., 1]
    assert skip[~own].min() > skip[own].max()
    assert found["score"][own].min() > found["score"][~own].max()


def test_a_skip_at_the_edge_of_a_session_weighs_less() -> None:
    """Half of the plays of every track are skips, each of them at an edge: with a weight of a half, a third is a skip."""
    skipped = np.tile((np.arange(USERS) // 2 % 2 == 0)[:, None], (1, TRACKS))
    certainty = np.where(skipped, 0.5, 1.0).astype(np.float32)
    made = lists(played=np.ones((USERS, TRACKS), bool), skipped=skipped, certainty=certainty)
    assert scored(_fit(_network(), made, heads=(True, False)))["heads"][..., 1].mean() == pytest.approx(1 / 3, abs=0.03)


def test_the_blend_is_the_documented_formula() -> None:
    heads = np.array([[[0.5, 0.2, 0.1], [0.25, 0.0, 1.0]]], np.float32)
    score = blended(constant(heads), BlendWeights(save=2.0, early_skip=0.5)).numpy()
    by_hand = [np.log(0.5) + np.log(1.2) + 0.5 * np.log(0.8), np.log(0.25) + np.log(3.0)]
    np.testing.assert_allclose(score[0], by_hand, atol=1e-6)


def test_a_diverging_ranker_stops_with_a_sentence() -> None:
    config = RankerConfig(lists=16, epochs=1, rate=float("nan"))
    with pytest.raises(SegueError, match=r"RankerConfig\.rate"):
        Ranker(_network(), config, heads_known=(False, False)).fit_lists(lists(), catalogue(), seed=17)


def test_a_cross_layer_is_the_published_product_and_starts_by_changing_nothing() -> None:
    cross, first, crossed = LowRankCross(2), tf.constant([[1.0, 2.0]]), tf.constant([[3.0, 4.0]])
    np.testing.assert_array_equal(cross(first, crossed).numpy(), crossed.numpy())
    cross.down.kernel.assign([[1.0, 0.0], [0.0, 1.0]])
    cross.up.kernel.assign([[1.0, 1.0], [0.0, 1.0]])
    cross.up.bias.assign([0.5, 0.0])
    np.testing.assert_allclose(cross(first, crossed).numpy(), [[1 * 3.5 + 3, 2 * 7 + 4]])


def _plays(**columns: Any) -> pd.DataFrame:
    usual = {"skipped": [False, True, True], "saved": [True, False, False], "success": [1.0, 0.0, 0.5], "certainty": 1.0}
    return pd.DataFrame({"user": [0, 0, 1], "track": [2, 7, 1], "brought": False, **(usual | columns)})


def test_a_play_the_retriever_missed_teaches_skips_and_saves_only() -> None:
    found, vectors = np.array([[4, 2], [1, 3]], np.int32), np.eye(8, dtype=np.float32)
    made = make_lists(users().iloc[:2], found, _plays(), vectors[[2, 3]], vectors)
    assert made.candidates.shape == (2, 2 + EXTRA_PLAYS)
    assert made.candidates[0, :3].tolist() == [4, 2, 7]
    assert made.retrieved[0, :3].tolist() == [True, True, False]
    assert np.argwhere(made.played).tolist() == [[0, 1], [0, 2], [1, 0]]
    assert np.argwhere(made.skipped).tolist() == [[0, 2], [1, 0]]
    assert np.argwhere(made.saved).tolist() == [[0, 1]]
    assert made.success[[0, 1], [1, 0]].tolist() == [1.0, 0.5]
    assert made.scores[:, :2].tolist() == [[0.0, 1.0], [0.0, 1.0]]
    assert not made.listed[:, 2:].any()


def test_a_play_that_a_playlist_of_ours_brought_is_neither_chosen_nor_passed_over_and_teaches_skips_and_saves() -> None:
    found, vectors = np.array([[4, 2], [1, 3]], np.int32), np.eye(8, dtype=np.float32)
    some = users().iloc[:2], found, _plays(brought=[True, False, False]), vectors[[2, 3]], vectors
    made = make_lists(*some)
    assert made.listed[:, :2].tolist() == [[True, False], [True, True]]
    assert (made.played[0, 1], made.saved[0, 1]) == (True, True)
    seen = make_lists(*some, pd.DataFrame({"user": [0], "track": [2], "place": [3]}))
    assert seen.listed[0, :2].tolist() == [True, True], "where its place is known, the place explains it"
    assert seen.retrieved[0, :2].tolist() == [True, False]


def test_what_was_shown_joins_the_lists_with_its_place_whether_it_was_found_or_played() -> None:
    found, vectors = np.array([[4, 2], [1, 3]], np.int32), np.eye(8, dtype=np.float32)
    shown = pd.DataFrame({"user": [0, 0, 1], "track": [2, 5, 6], "place": [3, 1, 2]})
    made = make_lists(users().iloc[:2], found, _plays(), vectors[[2, 3]], vectors, shown)
    assert made.candidates[0, :4].tolist() == [4, 2, 7, 5]
    assert made.place[0, :4].tolist() == [0, 3, 0, 1]
    assert made.place[1, :3].tolist() == [0, 0, 2]
    assert made.played[0, :4].tolist() == [False, True, True, False]
    assert made.listed[0, :4].tolist() == [True, True, False, True]
    without = make_lists(users().iloc[:2], found, _plays(), vectors[[2, 3]], vectors, shown.iloc[:0])
    assert not without.place.any()
    assert without.played.sum() == made.played.sum() == 3
