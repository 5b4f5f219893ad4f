"""The ranker starts as the retriever, learns what the retriever lacks, and harms nothing where there is no feedback."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from plain_examples import rows, track_ids, user_ids

from segue.errors import SegueError
from trainers.examples import Catalogue
from trainers.inputs import RANKER_TRACKS, RANKER_USERS, arrays, constant, constants
from trainers.ranker import BlendWeights, RankerNames, RankerNetwork, save_ranker
from trainers.ranking import EXTRA_PLAYS, Lists, Ranker, RankerConfig, make_lists

USERS, TRACKS = 48, 20


def _catalogue() -> Catalogue:
    """Even tracks are by artist a0, odd ones by a1."""
    artists = [f"a{n % 2}" for n in range(TRACKS)]
    frame = rows(RANKER_TRACKS, TRACKS, track_id=track_ids(TRACKS), artist_id=artists).assign(version_family=None)
    return Catalogue(frame, ("DE",), np.full((2, TRACKS, 2), np.nan, np.float32))


def _users() -> pd.DataFrame:
    """Even users have heard a0 only, odd ones a1."""
    lists = {"top_artists": [[f"a{n % 2}"] for n in range(USERS)], "top_artist_shares": [[1.0]] * USERS}
    return rows(RANKER_USERS, USERS, territory=["DE"] * USERS, **lists).assign(user_id=user_ids(USERS))


def _network(seed: int = 17, blend: BlendWeights | None = None) -> RankerNetwork:
    tf.keras.utils.set_random_seed(seed)
    catalogue = _catalogue().frame
    names = RankerNames(dict(zip(catalogue["track_id"], catalogue["artist_id"], strict=True)), [], ("DE",))
    return RankerNetwork(names, blend or BlendWeights(), scale=10.0, hidden=16, taste=4)


def _lists(**marks: Any) -> Lists:
    """Every user has every track, all with one retrieval score, and plays those by the artist they know."""
    shape = (USERS, TRACKS)
    candidates = np.tile(np.arange(TRACKS, dtype=np.int32), (USERS, 1))
    own = candidates % 2 == np.arange(USERS)[:, None] % 2
    none = np.zeros(shape, bool)
    usual: dict[str, Any] = {"retrieved": np.ones(shape, bool), "played": own, "skipped": none, "saved": none}
    return Lists(_users(), candidates, np.zeros(shape, np.float32), **(usual | marks))


def _scored(network: RankerNetwork, scores: np.ndarray | None = None) -> dict[str, np.ndarray]:
    users = network.user_half(network.read_users(constants(arrays(_users(), RANKER_USERS))))
    tracks = network.track_half(network.read_tracks(constants(arrays(_catalogue().frame, RANKER_TRACKS))))
    tracks["territory"] = constant(_catalogue().popularity)
    candidates = np.tile(np.arange(TRACKS, dtype=np.int32), (USERS, 1))
    retrieved = np.zeros(candidates.shape, np.float32) if scores is None else scores
    scored = network.scored(users, tracks, constant(candidates), constant(retrieved))
    return {name: value.numpy() for name, value in scored.items()}


def _fit(network: RankerNetwork, lists: Lists, *, heads: tuple[bool, bool], epochs: int = 30) -> RankerNetwork:
    config = RankerConfig(lists=16, epochs=epochs, rate=1e-2)
    Ranker(network, config, heads_known=heads).fit_lists(lists, _catalogue(), seed=17)
    return network


def test_an_untrained_ranker_keeps_the_order_of_the_retriever() -> None:
    scores = np.random.default_rng(17).random((USERS, TRACKS)).astype(np.float32)
    order = np.argsort(-_scored(_network(), scores)["score"], axis=1)
    np.testing.assert_array_equal(order, np.argsort(-scores, axis=1))


def test_the_artist_a_user_knows_is_learned_from_the_cross_alone() -> None:
    lists = _lists()
    complete = _scored(_fit(_network(), lists, heads=(False, False)))["heads"][..., 0]
    assert complete[lists.played].min() > complete[~lists.played].max()


def test_heads_without_feedback_stay_at_a_half_and_weigh_nothing() -> None:
    network = _fit(_network(blend=BlendWeights(save=0.0, early_skip=0.0)), _lists(), heads=(False, False))
    scored = _scored(network)
    order = np.argsort(-scored["score"], axis=1, kind="stable")
    np.testing.assert_array_equal(order, np.argsort(-scored["heads"][..., 0], axis=1, kind="stable"))
    assert network.heads.kernel.numpy()[:, 1:].any() == False  # noqa: E712


def test_the_skip_head_is_learned_from_plays_and_lowers_the_score() -> None:
    lists = _lists()
    everything = np.ones((USERS, TRACKS), bool)
    skips = _lists(played=everything, skipped=~lists.played)
    network = _fit(_network(), skips, heads=(True, False))
    scored = _scored(network)
    skip = scored["heads"][..., 1]
    assert skip[~lists.played].min() > skip[lists.played].max()
    assert scored["score"][lists.played].min() > scored["score"][~lists.played].max()


def test_the_blend_is_the_documented_formula() -> None:
    heads = np.array([[[0.5, 0.2, 0.1], [0.25, 0.0, 1.0]]], np.float32)
    blended = _network(blend=BlendWeights(save=2.0, early_skip=0.5)).blended(constant(heads)).numpy()
    by_hand = [np.log(0.5) + np.log(1.2) + 0.5 * np.log(0.8), np.log(0.25) + np.log(3.0)]
    np.testing.assert_allclose(blended[0], by_hand, atol=1e-6)


def test_a_saved_ranker_scores_as_before(tmp_path: Any) -> None:
    network = _fit(_network(), _lists(), heads=(False, False), epochs=2)
    save_ranker(network, tmp_path)
    saved = tf.saved_model.load(str(tmp_path / "ranker"))
    tracks = dict(saved.encode_tracks(constants(arrays(_catalogue().frame, RANKER_TRACKS))))
    tracks["territory"] = constant(_catalogue().popularity)
    users = saved.encode_users(constants(arrays(_users(), RANKER_USERS)))
    candidates = np.tile(np.arange(TRACKS, dtype=np.int32), (USERS, 1))
    scored = saved.score(users, tracks, constant(candidates), constant(np.zeros(candidates.shape, np.float32)))
    np.testing.assert_allclose(scored["score"].numpy(), _scored(network)["score"], atol=1e-5)


def test_a_diverging_ranker_stops_with_a_sentence() -> None:
    config = RankerConfig(lists=16, epochs=1, rate=float("nan"))
    with pytest.raises(SegueError, match=r"RankerConfig\.rate"):
        Ranker(_network(), config, heads_known=(False, False)).fit_lists(_lists(), _catalogue(), seed=17)


def test_a_play_the_retriever_missed_teaches_skips_and_saves_only() -> None:
    found = np.array([[4, 2], [1, 3]], np.int32)
    plays = pd.DataFrame(
        {"user": [0, 0, 1], "track": [2, 7, 1], "skipped": [False, True, True], "saved": [True, False, False]}
    )
    vectors = np.eye(8, dtype=np.float32)
    lists = make_lists(_users().iloc[:2], found, plays, vectors[[2, 3]], vectors)
    assert lists.candidates.shape == (2, 2 + EXTRA_PLAYS)
    assert lists.candidates[0, :3].tolist() == [4, 2, 7]
    assert lists.retrieved[0, :3].tolist() == [True, True, False]
    assert np.argwhere(lists.played).tolist() == [[0, 1], [0, 2], [1, 0]]
    assert np.argwhere(lists.skipped).tolist() == [[0, 2], [1, 0]]
    assert np.argwhere(lists.saved).tolist() == [[0, 1]]
    assert lists.scores[:, :2].tolist() == [[0.0, 1.0], [0.0, 1.0]]
