"""A ranker in machine code says what its graph says of any listeners and tracks; each of its weights counts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from holed_rankers import RANKERS, SHAPE, TRACKS, USERS, Answers, asked, by_graph, catalogue, network, pair, users

from segue.ranker.judging import TILE
from segue.ranker.network import Layers
from segue.ranker.opened import PairedRanker, open_ranker
from segue.ranker.placing import Memory
from segue.ranker.quick import FORM, QuickRanker, has_arrays
from segue.ranker.trees import quick_trees
from trainers.inputs import RANKER_TRACKS, RANKER_USERS, arrays, constant, constants

SINGLE = ("scale", "trust", "common_start", "weight", "level", "trees", "save", "early_skip")
WEIGHTS = (*Layers._fields, *SINGLE, *Memory._fields)


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Each kind of ranker, saved and opened once."""
    opened = {}
    for kind, ranker in RANKERS.items():
        folder = tmp_path_factory.mktemp(kind)
        ranker().save(folder)
        opened[kind] = open_ranker(folder, kind)
    return opened


def _encoded(opened: Any) -> tuple[Any, Any]:
    """Listeners and tracks as a release encodes them."""
    tracks = dict(opened.encode_tracks(constants(arrays(catalogue().frame, RANKER_TRACKS))))
    people = opened.encode_users(constants(arrays(users(), RANKER_USERS)))
    return people, tracks | {"territory": constant(catalogue().popularity)}


def _by_release(opened: Any, which: slice = slice(None)) -> Answers:
    people, tracks = _encoded(opened)
    candidates, scores = (values[:, which] for values in asked())
    answer = opened.score(people, tracks, constant(candidates), constant(scores))
    return {name: np.asarray(values) for name, values in answer.items()}


@pytest.mark.parametrize("kind", RANKERS)
def test_it_says_what_the_graph_says(kind: str, releases: dict[str, Any]) -> None:
    assert isinstance(releases[kind], QuickRanker)
    found = _by_release(releases[kind])
    for name, values in by_graph(RANKERS[kind]()).items():
        assert np.isfinite(values).all()
        assert values.std() > 0.01
        np.testing.assert_allclose(found[name], values, rtol=2e-4, atol=2e-4, err_msg=name)


def test_one_listener_of_a_batch_is_scored_as_all_of_them_to_the_last_bit(releases: dict[str, Any]) -> None:
    opened = releases["both"]
    people, tracks = _encoded(opened)
    candidates, scores = asked()
    together = opened.score(people, tracks, candidates, scores)
    for who in range(USERS):
        one = slice(who, who + 1)
        alone = opened.score({name: of[one] for name, of in people.items()}, tracks, candidates[one], scores[one])
        for name, values in alone.items():
            np.testing.assert_array_equal(values[0], together[name][who])


@pytest.mark.parametrize("count", [0, 1, TILE - 1, TILE, TILE + 1])
def test_any_number_of_candidates_is_ranked(count: int, releases: dict[str, Any]) -> None:
    some = _by_release(releases["network"], slice(count))
    assert some["score"].shape == (USERS, count)
    assert some["heads"].shape == (USERS, count, 3)
    assert np.isfinite(some["score"]).all()


def _reread(model: Any, **other: Any) -> QuickRanker:
    """The pair with some of its arrays changed on the way."""
    trees = quick_trees(pair().trees.booster)
    assert trees is not None
    arrays = {**model.arrays, **{name: tf.Variable(value) for name, value in other.items()}}
    assert arrays.keys() == model.arrays.keys()
    functions = {"look_up_users": model.look_up_users, "encode_tracks": model.encode_tracks}
    return QuickRanker(SimpleNamespace(arrays=arrays, **functions), trees)


@pytest.mark.parametrize("name", WEIGHTS)
def test_one_weight_read_wrongly_shows(name: str, releases: dict[str, Any]) -> None:
    """Beside what the graph says, as in the first test."""
    model, right = releases["both"]._model, by_graph(pair())
    found = _by_release(_reread(model, **{name: 1.5 * model.arrays[name]}))
    assert max(np.abs(found[answer] - values).max() for answer, values in right.items()) > 1e-3


def test_belief_in_listeners_read_wrongly_shows(releases: dict[str, Any]) -> None:
    people, tracks = _encoded(releases["both"])
    assert people["belief"].min() < 0.1 < 0.9 < people["belief"].max()
    found = releases["both"].score(people | {"belief": 0.5 * people["belief"]}, tracks, *asked())["score"]
    assert np.abs(found - by_graph(pair())["score"]).max(axis=1).min() > 1e-3


def test_a_release_of_another_form_is_asked_as_a_graph(releases: dict[str, Any]) -> None:
    arrays = releases["both"]._model.arrays
    assert has_arrays(SimpleNamespace(arrays=arrays))
    for place in range(len(FORM)):
        other = FORM + np.eye(len(FORM), dtype=np.float32)[place]
        assert not has_arrays(SimpleNamespace(arrays={**arrays, "form": tf.Variable(other)}))
    assert not has_arrays(SimpleNamespace(arrays={name: of for name, of in arrays.items() if name != "form"}))
    assert not has_arrays(SimpleNamespace())


def test_two_threads_that_ask_one_ranker_get_what_each_would_alone(releases: dict[str, Any]) -> None:
    people, tracks = _encoded(releases["both"])
    candidates, scores = asked()
    turned = [(people, tracks, np.roll(candidates, turn, axis=1), scores) for turn in range(8)]
    alone = [releases["both"].score(*one)["score"] for one in turned]
    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(lambda one: releases["both"].score(*one)["score"], turned))
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("stray", [-1, TRACKS, 2**32])
def test_a_candidate_that_is_no_track_is_refused(stray: int, releases: dict[str, Any]) -> None:
    strays = np.full((USERS, 1), stray)
    with pytest.raises(IndexError, match=f"below {TRACKS}"):
        releases["network"].score(*_encoded(releases["network"]), strays, np.zeros(strays.shape, np.float32))


@pytest.mark.parametrize("name", ["factor", "codes", "territory", "taste", "scores"])
def test_what_does_not_fit_the_rest_is_refused(name: str, releases: dict[str, Any]) -> None:
    people, tracks = _encoded(releases["both"])
    candidates, scores = asked()
    if name == "scores":
        scores = scores[:, 1:]
    elif name == "taste":
        people = people | {name: people[name][1:]}
    else:
        tracks = tracks | {name: tracks[name][:, 1:] if name == "territory" else tracks[name][1:]}
    with pytest.raises(ValueError, match=name):
        releases["both"].score(people, tracks, candidates, scores)


def test_a_network_without_crosses_and_nobody_to_rank_for(tmp_path: Path) -> None:
    made = network.__wrapped__(replace(SHAPE, crosses=0))
    made.save(tmp_path)
    opened = open_ranker(tmp_path, "network")
    assert isinstance(opened, QuickRanker)
    np.testing.assert_allclose(_by_release(opened)["score"], by_graph(made)["score"], rtol=2e-4, atol=2e-4)
    people, tracks = _encoded(opened)
    nobody = {name: of[:0] for name, of in people.items()}
    assert opened.score(nobody, tracks, np.empty((0, 5), np.int32), np.empty((0, 5), np.float32))["heads"].shape == (0, 5, 3)


def test_trees_that_no_bits_hold_are_asked_beside_the_graph(tmp_path: Path) -> None:
    ranker = pair(leaves=31)
    ranker.save(tmp_path)
    opened = open_ranker(tmp_path, "both")
    assert isinstance(opened, PairedRanker)
    np.testing.assert_allclose(_by_release(opened)["score"], by_graph(ranker)["score"], rtol=1e-4, atol=1e-4)


def test_a_release_of_before_is_asked_as_a_graph(tmp_path: Path) -> None:
    made = network.__wrapped__()
    made.add_functions()
    tf.saved_model.save(made, str(tmp_path / "ranker"))
    opened = open_ranker(tmp_path, "network")
    assert not isinstance(opened, QuickRanker)
    np.testing.assert_allclose(_by_release(opened)["score"], by_graph(made)["score"], rtol=1e-4, atol=1e-4)
