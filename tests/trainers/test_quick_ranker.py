"""A ranker in machine code says what its graph says of any listeners and tracks; each of its weights counts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from plain_examples import rows, track_ids, user_ids

from segue.ranker.judging import TILE
from segue.ranker.network import Layers
from segue.ranker.opened import PairedRanker, open_ranker
from segue.ranker.placing import Memory
from segue.ranker.quick import FORM, QuickRanker, has_arrays
from segue.ranker.trees import quick_trees
from trainers.examples import Catalogue
from trainers.inputs import (
    ARTISTS,
    GENRES,
    LONG_RECENT,
    RANKER_TRACKS,
    RANKER_USERS,
    TRACK_NUMBERS,
    USER_NUMBERS,
    arrays,
    constant,
    constants,
)
from trainers.ranker.companions import CompanionConfig
from trainers.ranker.inputs import RankerInputs, RankerNames
from trainers.ranker.lists import Lists
from trainers.ranker.network import BlendWeights, NetworkShape, RankerNetwork
from trainers.ranker.pair import RankerPair
from trainers.ranker.ranking import adapt
from trainers.ranker.reception import Reception, ReceptionConfig
from trainers.ranker.trees import TreeLists, TreesConfig

USERS, TRACKS, CANDIDATES = 9, 300, 2 * TILE + 7
SHAPE = NetworkShape(hidden=24, taste=5, crosses=2, cross_rank=3)
Answers = dict[str, np.ndarray]
SINGLE = ("scale", "trust", "common_start", "weight", "level", "trees", "save", "early_skip")
WEIGHTS = (*Layers._fields, *SINGLE, *Memory._fields)


def _holed(rng: np.random.Generator, n: int, width: int) -> dict[str, np.ndarray]:
    """Numbers of all sizes, of which a fifth is missing."""
    values = rng.lognormal(size=(width, n)) * rng.choice([0.01, 1, 100], size=(width, 1))
    return np.where(rng.random(values.shape) < 0.2, np.nan, values)


def _some(rng: np.random.Generator, names: list[str], n: int, most: int) -> list[Any]:
    """For each of n the names of some, from none to all that a list holds, among them unknown ones and an empty one."""
    every = [*names, "", "nobody knows"]
    return [list(rng.choice(every, size=rng.integers(0, most + 3))) for _ in range(n)]


@cache
def _catalogue() -> Catalogue:
    rng = np.random.default_rng(5)
    numbers = {spec.name: of for spec, of in zip(TRACK_NUMBERS, _holed(rng, TRACKS, len(TRACK_NUMBERS)), strict=True)}
    artists = [None if n % 17 == 0 else f"a{rng.integers(30)}" for n in range(TRACKS)]
    genres = [None if n % 23 == 0 else f"g{rng.integers(6)}" for n in range(TRACKS)]
    frame = rows(RANKER_TRACKS, TRACKS, track_id=track_ids(TRACKS), artist_id=artists, genre=genres, **numbers)
    territory = rng.lognormal(size=(3, TRACKS, 2)).astype(np.float32)
    territory[rng.random(territory.shape) < 0.3] = np.nan
    return Catalogue(frame.assign(version_family=None), ("DE", "SE"), territory)


@cache
def _users() -> Any:
    rng = np.random.default_rng(6)
    numbers = {spec.name: of for spec, of in zip(USER_NUMBERS, _holed(rng, USERS, len(USER_NUMBERS)), strict=True)}
    lists: dict[str, Any] = {"territory": ["DE", "SE", "XX", None, "DE", "SE", "DE", "DE", "SE"]}
    for name, most in (("artists", ARTISTS), ("genres", GENRES)):
        lists[f"top_{name}"] = _some(rng, [f"{name[0]}{n}" for n in range(30)], USERS, most)
        shares = [list(rng.dirichlet(np.ones(len(some)))) if some else [] for some in lists[f"top_{name}"]]
        lists[f"top_{name[:-1]}_shares"] = shares
    recent = _some(rng, track_ids(TRACKS), USERS, LONG_RECENT)
    recent[0], recent[1], recent[2] = None, [], ["nobody knows"]
    outcomes = [None if some is None else list(rng.integers(-1, 3, size=len(some))) for some in recent]
    return rows(RANKER_USERS, USERS, **lists, recent_tracks=recent, recent_outcomes=outcomes, **numbers).assign(
        user_id=user_ids(USERS)
    )


def _asked() -> tuple[np.ndarray, np.ndarray]:
    """Candidates in no order of their retrieval scores, many of which are equal."""
    rng = np.random.default_rng(7)
    candidates = np.stack([rng.permutation(TRACKS)[:CANDIDATES] for _ in range(USERS)]).astype(np.int32)
    return candidates, rng.integers(-9, 10, size=candidates.shape).astype(np.float32) / 10


@cache
def _network(shape: NetworkShape = SHAPE) -> RankerNetwork:
    """One whose every weight is something."""
    rng, frame = np.random.default_rng(8), _catalogue().frame
    tf.keras.utils.set_random_seed(8)
    artist_of = dict(zip(frame["track_id"], frame["artist_id"].fillna(""), strict=True))
    names = RankerNames(artist_of, [f"g{n}" for n in range(6)], ("DE", "SE"))
    inputs = RankerInputs(names, CompanionConfig(factors=12), ReceptionConfig(ridge=3.0), scale=7.0)
    adapt(inputs, _users(), frame)
    factors = rng.normal(size=(TRACKS, 12)).astype(np.float32)
    factors[::11] = 0
    received = Reception(0.6, rng.normal(size=TRACKS).astype(np.float32) / 5)
    inputs.know_tracks(factors, rng.lognormal(size=TRACKS).astype(np.float32), received)
    inputs.begin_at(0.8, rng.normal(size=17).astype(np.float32), rng.normal(size=3).astype(np.float32))
    network = RankerNetwork(inputs, BlendWeights(save=0.7, early_skip=0.4), shape)
    for variable in network.trainable_variables:
        variable.assign(rng.normal(size=variable.shape) / 6)
    network.weight.assign(0.6)
    network.level.assign(-0.3)
    return network


@cache
def _pair(leaves: int = 15) -> RankerPair:
    candidates, scores = _asked()
    played = np.random.default_rng(9).random(candidates.shape) < 0.3
    every, none = np.ones(candidates.shape, bool), np.zeros(candidates.shape, bool)
    ones = every.astype(np.float32)
    lists = Lists(_users(), candidates, scores, every, played, none, none, played * ones, ones, none.astype(np.int32))
    config = TreesConfig(rounds=20, leaves=leaves, fewest_rows=5, share_of_columns=1.0)
    return RankerPair(_network(), TreeLists(_network().inputs, lists, _catalogue(), config, seed=17).fitted(), 0.5)


RANKERS: dict[str, Callable[[], Any]] = {"network": _network, "both": _pair}


@cache
def _by_graph(ranker: Any) -> Answers:
    people = ranker.user_half(ranker.inputs.read_users(constants(arrays(_users(), RANKER_USERS))))
    read = ranker.inputs.read_tracks(constants(arrays(_catalogue().frame, RANKER_TRACKS)))
    tracks = ranker.layout.packed(ranker.track_half(read)) | {"territory": constant(_catalogue().popularity)}
    return {name: values.numpy() for name, values in ranker.scored(people, tracks, *map(constant, _asked())).items()}


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
    tracks = dict(opened.encode_tracks(constants(arrays(_catalogue().frame, RANKER_TRACKS))))
    people = opened.encode_users(constants(arrays(_users(), RANKER_USERS)))
    return people, tracks | {"territory": constant(_catalogue().popularity)}


def _by_release(opened: Any, which: slice = slice(None)) -> Answers:
    people, tracks = _encoded(opened)
    candidates, scores = (values[:, which] for values in _asked())
    answer = opened.score(people, tracks, constant(candidates), constant(scores))
    return {name: np.asarray(values) for name, values in answer.items()}


@pytest.mark.parametrize("kind", RANKERS)
def test_it_says_what_the_graph_says(kind: str, releases: dict[str, Any]) -> None:
    assert isinstance(releases[kind], QuickRanker)
    found = _by_release(releases[kind])
    for name, values in _by_graph(RANKERS[kind]()).items():
        assert np.isfinite(values).all()
        assert values.std() > 0.01
        np.testing.assert_allclose(found[name], values, rtol=2e-4, atol=2e-4, err_msg=name)


def test_one_listener_of_a_batch_is_scored_as_all_of_them_to_the_last_bit(releases: dict[str, Any]) -> None:
    opened = releases["both"]
    people, tracks = _encoded(opened)
    candidates, scores = _asked()
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
    trees = quick_trees(_pair().trees.booster)
    assert trees is not None
    arrays = {**model.arrays, **{name: tf.Variable(value) for name, value in other.items()}}
    assert arrays.keys() == model.arrays.keys()
    functions = {"look_up_users": model.look_up_users, "encode_tracks": model.encode_tracks}
    return QuickRanker(SimpleNamespace(arrays=arrays, **functions), trees)


@pytest.mark.parametrize("name", WEIGHTS)
def test_one_weight_read_wrongly_shows(name: str, releases: dict[str, Any]) -> None:
    """Beside what the graph says, as in the first test."""
    model, right = releases["both"]._model, _by_graph(_pair())
    found = _by_release(_reread(model, **{name: 1.5 * model.arrays[name]}))
    assert max(np.abs(found[answer] - values).max() for answer, values in right.items()) > 1e-3


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
    candidates, scores = _asked()
    asked = [(people, tracks, np.roll(candidates, turn, axis=1), scores) for turn in range(8)]
    alone = [releases["both"].score(*one)["score"] for one in asked]
    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(lambda one: releases["both"].score(*one)["score"], asked))
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("stray", [-1, TRACKS, 2**32])
def test_a_candidate_that_is_no_track_is_refused(stray: int, releases: dict[str, Any]) -> None:
    asked = np.full((USERS, 1), stray)
    with pytest.raises(IndexError, match=f"below {TRACKS}"):
        releases["network"].score(*_encoded(releases["network"]), asked, np.zeros(asked.shape, np.float32))


@pytest.mark.parametrize("name", ["factor", "codes", "territory", "taste", "scores"])
def test_what_does_not_fit_the_rest_is_refused(name: str, releases: dict[str, Any]) -> None:
    people, tracks = _encoded(releases["both"])
    candidates, scores = _asked()
    if name == "scores":
        scores = scores[:, 1:]
    elif name == "taste":
        people = people | {name: people[name][1:]}
    else:
        tracks = tracks | {name: tracks[name][:, 1:] if name == "territory" else tracks[name][1:]}
    with pytest.raises(ValueError, match=name):
        releases["both"].score(people, tracks, candidates, scores)


def test_a_network_without_crosses_and_nobody_to_rank_for(tmp_path: Path) -> None:
    network = _network.__wrapped__(replace(SHAPE, crosses=0))
    network.save(tmp_path)
    opened = open_ranker(tmp_path, "network")
    assert isinstance(opened, QuickRanker)
    np.testing.assert_allclose(_by_release(opened)["score"], _by_graph(network)["score"], rtol=2e-4, atol=2e-4)
    people, tracks = _encoded(opened)
    nobody = {name: of[:0] for name, of in people.items()}
    assert opened.score(nobody, tracks, np.empty((0, 5), np.int32), np.empty((0, 5), np.float32))["heads"].shape == (0, 5, 3)


def test_trees_that_no_bits_hold_are_asked_beside_the_graph(tmp_path: Path) -> None:
    ranker = _pair(leaves=31)
    ranker.save(tmp_path)
    opened = open_ranker(tmp_path, "both")
    assert isinstance(opened, PairedRanker)
    np.testing.assert_allclose(_by_release(opened)["score"], _by_graph(ranker)["score"], rtol=1e-4, atol=1e-4)


def test_a_release_of_before_is_asked_as_a_graph(tmp_path: Path) -> None:
    network = _network.__wrapped__()
    network.add_functions()
    tf.saved_model.save(network, str(tmp_path / "ranker"))
    opened = open_ranker(tmp_path, "network")
    assert not isinstance(opened, QuickRanker)
    np.testing.assert_allclose(_by_release(opened)["score"], _by_graph(network)["score"], rtol=1e-4, atol=1e-4)
