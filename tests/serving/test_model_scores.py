"""The one score of a candidate: the ranker's, and beside it how long the listener stays, as far as the policy weighs it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from serving_platform import Platform
from threadpoolctl import threadpool_info, threadpool_limits

from segue.policy import PolicySettings
from segue.tensors import TensorSpec
from serving.funnel.model import Model, load_model

USERS, CANDIDATES = 35, 4
STAYS = np.linspace(-1, 1, USERS * CANDIDATES, dtype=np.float32).reshape(USERS, CANDIDATES)


class Ranker:
    """Scores by the dot products; knows how long each listener stays, or is of before that was known."""

    def __init__(self, *, stays: bool) -> None:
        self._stays = stays

    def encode_users(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"row": tf.cast(inputs["plays_30d"], tf.int32)}

    def score(self, users: dict[str, Any], tracks: dict[str, Any], candidates: Any, retrieval_scores: Any) -> dict[str, Any]:
        scores = {"score": tf.constant(retrieval_scores), "heads": tf.zeros((*candidates.shape, 3))}
        return scores | {"stays": tf.gather(STAYS, users["row"])} if self._stays else scores


def _scores(staying: float, *, stays: bool = True) -> np.ndarray:
    nothing: dict[str, Any] = dict.fromkeys(("manifest", "searcher", "query_tower", "sessions"))
    model = Model(
        version="v",
        track_ids=np.array(list("abcd"), object),
        vectors=np.eye(4, dtype=np.float32),
        ranker=Ranker(stays=stays),
        ranker_tracks={},
        query_specs=(),
        user_specs=(TensorSpec("plays_30d", "float"),),
        policy=PolicySettings(staying=staying),
        **nothing,
    )
    candidates = np.tile(np.arange(CANDIDATES, dtype=np.int32), (USERS, 1))
    return model.scores({"plays_30d": list(range(USERS))}, candidates, np.ones(STAYS.shape, np.float32))


@pytest.mark.parametrize("weight", [0.0, 0.5, 2.0])
def test_what_a_listener_stays_with_longer_scores_higher_by_the_weight_of_the_policy(weight: float) -> None:
    np.testing.assert_allclose(_scores(weight), 1 + weight * STAYS, rtol=1e-6)


def test_a_release_of_before_keeps_its_score() -> None:
    assert (_scores(2.0, stays=False) == 1).all()


def test_where_a_release_is_open_a_product_is_made_by_one_thread(platform: Platform) -> None:
    with threadpool_limits(2, "blas"):
        load_model(platform.version)
        found = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    assert found == [1] * len(found)
    assert len(found) > 1  # NumPy's and SciPy's
