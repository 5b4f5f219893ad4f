"""Rankers whose every weight is something, and listeners and tracks with every kind of hole to ask them about."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf
from plain_examples import rows, track_ids, user_ids

from segue.ranker.crosses import COMMON
from segue.ranker.judging import TILE
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
from trainers.ranker.inputs import STARTING, RankerInputs, RankerNames
from trainers.ranker.lists import Lists
from trainers.ranker.network import BlendWeights, NetworkShape, RankerNetwork
from trainers.ranker.pair import RankerPair
from trainers.ranker.ranking import adapt
from trainers.ranker.reception import Reception, ReceptionConfig
from trainers.ranker.trees import TreeLists, TreesConfig

USERS, TRACKS, CANDIDATES = 9, 300, 2 * TILE + 7
SHAPE = NetworkShape(hidden=24, taste=5, crosses=2, cross_rank=3)
Answers = dict[str, np.ndarray]


def _holed(rng: np.random.Generator, n: int, width: int) -> dict[str, np.ndarray]:
    """Numbers of all sizes, of which a fifth is missing."""
    values = rng.lognormal(size=(width, n)) * rng.choice([0.01, 1, 100], size=(width, 1))
    return np.where(rng.random(values.shape) < 0.2, np.nan, values)


def _some(rng: np.random.Generator, names: list[str], n: int, most: int) -> list[Any]:
    """For each of n the names of some, from none to all that a list holds, among them unknown ones and an empty one."""
    every = [*names, "", "nobody knows"]
    return [list(rng.choice(every, size=rng.integers(0, most + 3))) for _ in range(n)]


@cache
def catalogue() -> Catalogue:
    rng = np.random.default_rng(5)
    numbers = {spec.name: of for spec, of in zip(TRACK_NUMBERS, _holed(rng, TRACKS, len(TRACK_NUMBERS)), strict=True)}
    artists = [None if n % 17 == 0 else f"a{rng.integers(30)}" for n in range(TRACKS)]
    genres = [None if n % 23 == 0 else f"g{rng.integers(6)}" for n in range(TRACKS)]
    frame = rows(RANKER_TRACKS, TRACKS, track_id=track_ids(TRACKS), artist_id=artists, genre=genres, **numbers)
    territory = rng.lognormal(size=(3, TRACKS, 2)).astype(np.float32)
    territory[rng.random(territory.shape) < 0.3] = np.nan
    return Catalogue(frame.assign(version_family=None), ("DE", "SE"), territory)


@cache
def users() -> Any:
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


def asked() -> tuple[np.ndarray, np.ndarray]:
    """Candidates in no order of their retrieval scores, many of which are equal."""
    rng = np.random.default_rng(7)
    candidates = np.stack([rng.permutation(TRACKS)[:CANDIDATES] for _ in range(USERS)]).astype(np.int32)
    return candidates, rng.integers(-9, 10, size=candidates.shape).astype(np.float32) / 10


@cache
def network(shape: NetworkShape = SHAPE) -> RankerNetwork:
    """One whose every weight is something."""
    rng, frame = np.random.default_rng(8), catalogue().frame
    tf.keras.utils.set_random_seed(8)
    artist_of = dict(zip(frame["track_id"], frame["artist_id"].fillna(""), strict=True))
    names = RankerNames(artist_of, [f"g{n}" for n in range(6)], ("DE", "SE"))
    inputs = RankerInputs(names, CompanionConfig(factors=12), ReceptionConfig(ridge=3.0), scale=7.0)
    adapt(inputs, users(), frame)
    factors = rng.normal(size=(TRACKS, 12)).astype(np.float32)
    factors[::11] = 0
    received = Reception(0.6, rng.normal(size=TRACKS).astype(np.float32) / 5)
    inputs.know_tracks(factors, rng.lognormal(size=TRACKS).astype(np.float32), received)
    inputs.begin_at(0.8, *(rng.normal(size=width).astype(np.float32) for width in (COMMON, len(STARTING))))
    made = RankerNetwork(inputs, BlendWeights(save=0.7, early_skip=0.4), shape)
    for variable in made.trainable_variables:
        variable.assign(rng.normal(size=variable.shape) / 6)
    made.inputs.doubt.assign(20.0)
    made.weight.assign(0.6)
    made.level.assign(-0.3)
    return made


@cache
def pair(leaves: int = 15) -> RankerPair:
    candidates, scores = asked()
    played = np.random.default_rng(9).random(candidates.shape) < 0.3
    every, none = np.ones(candidates.shape, bool), np.zeros(candidates.shape, bool)
    ones = every.astype(np.float32)
    lists = Lists(users(), candidates, scores, every, played, none, none, played * ones, ones, none.astype(np.int32))
    config = TreesConfig(rounds=20, leaves=leaves, fewest_rows=5, share_of_columns=1.0)
    return RankerPair(network(), TreeLists(network().inputs, lists, catalogue(), config, seed=17).fitted(), 0.5)


RANKERS: dict[str, Callable[[], Any]] = {"network": network, "both": pair}


@cache
def by_graph(ranker: Any) -> Answers:
    people = ranker.user_half(ranker.inputs.read_users(constants(arrays(users(), RANKER_USERS))))
    read = ranker.inputs.read_tracks(constants(arrays(catalogue().frame, RANKER_TRACKS)))
    tracks = ranker.layout.packed(ranker.track_half(read)) | {"territory": constant(catalogue().popularity)}
    return {name: values.numpy() for name, values in ranker.scored(people, tracks, *map(constant, asked())).items()}
