"""The retriever keeps the suite's promises, and each part of its loss is missed when it is taken away."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import tensorflow as tf
from plain_examples import SMALL, RetrieverRecommender, examples_of, fit, new_retriever, rows, track_ids, user_ids
from recommender_suite import SIZE, RecommenderSuite, checkerboard

from segue.errors import SegueError
from trainers.inputs import QUERY, TRACK, arrays, constants
from trainers.interactions import Interactions
from trainers.retriever.config import RetrieverConfig
from trainers.retriever.hiding import hide
from trainers.retriever.model import Retriever, save_towers
from trainers.retriever.retrieval import vectors_of


@cache
def _fitted(data: bytes) -> RetrieverRecommender:
    matrix = sp.csr_matrix(np.frombuffer(data, np.float32).reshape(SIZE, SIZE))
    return RetrieverRecommender().fit(Interactions.from_matrix(matrix))


class TestRetriever(RecommenderSuite):
    def make(self) -> RetrieverRecommender:
        return RetrieverRecommender()

    def fitted(self, matrix: sp.csr_matrix | None = None) -> RetrieverRecommender:
        """One model per data set: fitting is slow, and that it is repeatable has a test of its own."""
        return _fitted((checkerboard() if matrix is None else matrix).toarray().tobytes())

    def test_the_same_listens_give_the_same_lists(self) -> None:
        listens = Interactions.from_matrix(checkerboard())
        again = self.make().fit(listens)
        np.testing.assert_array_equal(again.queries, self.fitted().queries)
        np.testing.assert_array_equal(again.vectors, self.fitted().vectors)


def _queries(retriever: Retriever, ids: list[str]) -> np.ndarray:
    return vectors_of(retriever.query, rows(QUERY, len(ids), user_id=ids))


def _tracks(retriever: Retriever, count: int) -> np.ndarray:
    return vectors_of(retriever.track, rows(TRACK, count, track_id=track_ids(count)))


@pytest.fixture(scope="module")
def fitted() -> Retriever:
    retriever = new_retriever(SIZE, SIZE)
    fit(retriever, Interactions.from_matrix(checkerboard()))
    return retriever


def test_vectors_have_length_one_and_no_nan_when_every_feature_is_null(fitted: Retriever) -> None:
    for vectors in (_queries(fitted, user_ids(SIZE)), _tracks(fitted, SIZE)):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_unknown_users_all_get_the_same_valid_vector(fitted: Retriever) -> None:
    strangers = _queries(fitted, ["nobody", "nobody else"])
    np.testing.assert_allclose(strangers[0], strangers[1])
    assert np.isfinite(strangers).all()


def test_saved_towers_give_the_same_vectors_from_another_folder(fitted: Retriever, tmp_path: Path) -> None:
    save_towers(fitted, tmp_path / "made")
    shutil.move(tmp_path / "made", tmp_path / "moved")
    frame = rows(QUERY, SIZE, user_id=user_ids(SIZE))
    tower = tf.saved_model.load(str(tmp_path / "moved" / "query_tower"))
    np.testing.assert_allclose(
        tower.encode(constants(arrays(frame, QUERY))).numpy(), _queries(fitted, user_ids(SIZE)), atol=1e-6
    )


def test_another_seed_gives_another_model() -> None:
    first, second = new_retriever(SIZE, SIZE, seed=1), new_retriever(SIZE, SIZE, seed=2)
    assert not np.allclose(first.track_tower.artist_table.numpy(), second.track_tower.artist_table.numpy())


def test_a_diverging_training_stops_with_a_sentence() -> None:
    retriever = new_retriever(SIZE, SIZE, replace(SMALL, rate=float("nan")))
    with pytest.raises(SegueError, match="learning rates"):
        fit(retriever, Interactions.from_matrix(checkerboard()))


def _popular_and_rare() -> Interactions:
    """Everybody hears track 0; beside it, users of each parity share one of 1 and 2, ten times rarer."""
    users = np.concatenate([np.repeat(np.arange(40), 5), np.arange(40)])
    tracks = np.concatenate([np.zeros(200), 1 + np.arange(40) % 2]).astype(np.int64)
    return Interactions(users, tracks, np.ones(240, np.float32), 41, 8)


def _stranger_prefers_popular(config: RetrieverConfig) -> float:
    """How much higher an unknown user's score of the popular track is than of the rare ones."""
    retriever = new_retriever(41, 8, config)
    examples = examples_of(_popular_and_rare())
    retriever.adapt(examples)
    retriever.heard = None
    from trainers.layers.heard import HeardPairs

    nothing = HeardPairs(np.array([0], np.int32), np.array([0], np.int32), 43, 10)
    retriever.fit_examples(examples, nothing, seed=17)
    scores = (_queries(retriever, ["nobody"]) @ _tracks(retriever, 3).T)[0] / config.temperature
    return float(scores[0] - scores[1:].mean())


def test_log_q_keeps_popular_tracks_ahead_for_a_stranger_and_without_it_they_fall_behind() -> None:
    config = replace(SMALL, batch=60, fewest_steps=120)
    corrected, plain = (_stranger_prefers_popular(replace(config, log_q=on)) for on in (True, False))
    assert corrected > np.log(3.0)
    assert plain < corrected - 1.0


def _skips() -> tuple[Interactions, np.ndarray]:
    """Users of each parity complete track 0 or 1, and skip the other; both are equally often on."""
    users = np.repeat(np.arange(40), 2)
    tracks = np.tile([0, 1], 40)
    skipped = users % 2 != tracks
    return Interactions(users, tracks, np.where(skipped, 0.0, 1.0).astype(np.float32), 40, 30), skipped


def test_an_early_skip_pushes_its_track_away_from_the_user() -> None:
    interactions, skipped = _skips()
    long = replace(SMALL, fewest_steps=200)
    with_term, without = new_retriever(40, 30, long), new_retriever(40, 30, replace(long, skip_weight=0.0))
    margins = []
    for retriever in (with_term, without):
        fit(retriever, interactions, skipped=skipped)
        scores = _queries(retriever, user_ids(40)) @ _tracks(retriever, 2).T
        own = np.arange(40) % 2
        margins.append(float((scores[np.arange(40), own] - scores[np.arange(40), 1 - own]).mean()))
    assert margins[0] > 0.3
    assert margins[0] > margins[1] + 0.1


def test_a_track_the_user_heard_is_no_negative() -> None:
    retriever = new_retriever(2, 4)
    from trainers.layers.heard import HeardPairs

    heard = HeardPairs(np.array([2], np.int32), np.array([3], np.int32), 4, 6)
    mask = heard(tf.constant([2, 3]), tf.constant([3, 4])).numpy()
    np.testing.assert_array_equal(mask, [[True, False], [False, False]])
    assert retriever.config.log_q


def test_hiding_the_moment_is_as_often_as_configured() -> None:
    n = 4_000
    ones = tf.ones(n, tf.int32)
    moments = {"user": ones * 2, "device": ones * 3, "hour": ones * 4, "weekday": ones * 5}
    hidden = hide(moments, replace(SMALL, context_dropout=0.3))
    gone = hidden["hour"].numpy() == 0
    assert abs(gone.mean() - 0.3) < 0.03
    np.testing.assert_array_equal(gone, hidden["device"].numpy() == 0)
    np.testing.assert_array_equal(gone, hidden["weekday"].numpy() == 0)
