"""A release's ranker in machine code: the network, and the trees beside it, over candidate after candidate.

The graph of a SavedModel reads and writes tables of all candidates between any two operations. Here a listener's candidates go
through the whole ranker some at a time, and what lies between two layers stays in the nearest cache. Weights are those of the
graph, by the names it keeps them under (`ARRAYS`); scores differ by the order of sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from segue.compiled import compiled
from segue.ranker.common import (
    COMMON,
    NEAR_SCALE,
    ONE,
    PLACE_SCALE,
    SUCCESS_SCALE,
    Codes,
    Floats,
    Layout,
    Listener,
    Tracks,
    Users,
    common,
    staying,
)
from segue.ranker.network import HEADS, Layers, Tile, heads_of, tile_of
from segue.ranker.placing import Memory, place_users
from segue.ranker.trees import Bits, Doubles, QuickTrees, Tests, add_values, begin

SMALLEST = np.float32(1e-30)
TILE = 112
"""Candidates that go through the ranker together: a multiple of the trees' `LANES`, and with layers of 64 each product is too
small for OpenBLAS to divide among threads, so that it is the same everywhere."""
ARRAYS = "arrays"
"""Under this name the module of a release has a dictionary of what `quick_ranker` reads."""


class Numbers(NamedTuple):
    """What is neither a table nor a layer: `scale` makes a logit of a retrieval score, `trust`, `common` (f,) are the start;
    `weight`, `level` those of the first head, `trees` of the trees; `save` and `early_skip` blend the heads."""

    scale: np.float32
    trust: np.float32
    common: Floats
    weight: np.float32
    level: np.float32
    trees: np.float32
    save: np.float32
    early_skip: np.float32


class Trees(NamedTuple):
    """The trees beside a network: those tests `of_users` that look at numbers of a listener only, and those `of_candidates`.
    Column f of the latter is number `source` (f,) of what listener and track have in common, or from `COMMON` on of the track.
    """

    of_users: Tests
    of_candidates: Tests
    source: Codes


class Ranker(NamedTuple):
    layers: Layers
    numbers: Numbers
    layout: Layout
    trees: Trees


class Answer(NamedTuple):
    """`score` (n, c), `heads` (n, c, 3) and `stays` (n, c), as `segue.release` describes them."""

    score: Floats
    heads: Floats
    stays: Floats


class Room(NamedTuple):
    """What a tile of candidates is worked out in: the network's `tile`, where the order begins for each (t,), and the trees'
    `columns` (f, t), the leaves `begun` (trees,) for this listener, and `values` (t,)."""

    tile: Tile
    start: Floats
    columns: Floats
    begun: Bits
    values: Doubles


@compiled
def judge(ranker: Ranker, users: Users, tracks: Tracks, asked: Codes, similarity: Floats, answer: Answer) -> None:
    """The `answer` for tracks `asked` for (n, c) with their retrieval scores (n, c)."""
    count, trees = asked.shape[1], ranker.trees
    room = Room(
        tile=tile_of(ranker.layers, TILE),
        start=np.empty(TILE, np.float32),
        columns=np.zeros((len(trees.source), TILE), np.float32),
        begun=np.empty(len(trees.of_users.value), np.uint16),
        values=np.empty(TILE, np.float64),
    )
    retrieved, place_numbers = np.empty((2, count), np.float32), np.empty(count, np.float32)
    for place in range(count):
        place_numbers[place] = np.log1p(np.float32(place)) / np.float32(PLACE_SCALE)
    for user in range(len(asked)):
        _retrieved(similarity[user], ranker.numbers.scale, place_numbers, retrieved)
        best = retrieved[0].max() if count else np.float32(0)
        who = Listener(user, users.factor[user] * np.float32(NEAR_SCALE), users.liking[user] * np.float32(SUCCESS_SCALE), best)
        begin(users.numbers[user], trees.of_users, room.begun)
        for at in range(0, count, TILE):
            end = min(at + TILE, count)
            own = Answer(answer.score[user, at:end], answer.heads[user, at:end], answer.stays[user, at:end])
            _judge(ranker, users, tracks, who, asked[user, at:end], retrieved[:, at:end], room, own)


@compiled
def _judge(
    ranker: Ranker, users: Users, tracks: Tracks, who: Listener, asked: Codes, retrieved: Floats, room: Room, answer: Answer
) -> None:
    """The `answer` (c, ...) for one listener and a tile of tracks `asked` for (c,)."""
    both, at, taste = room.tile.both, ranker.layout, users.taste[who.row]
    common(users, tracks, at, who, asked, retrieved, both)
    for place in range(len(asked)):
        start = _start(ranker.numbers, both, place, retrieved[0, place] - who.best)
        room.start[place] = start + tracks.rows[asked[place], at.start]
        answer.stays[place] = staying(both, place)
        for way in range(len(taste)):
            both[place, COMMON + way] = taste[way] * tracks.rows[asked[place], at.taste + way]
    for column in range(len(ranker.trees.source)):
        source = ranker.trees.source[column]
        for place in range(len(asked)):
            of_track = at.numbers + source - COMMON
            room.columns[column, place] = both[place, source] if source < COMMON else tracks.rows[asked[place], of_track]
    room.values[:] = 0.0
    add_values(room.columns, ranker.trees.of_candidates, room.begun, room.values[: len(asked)])
    heads_of(ranker.layers, room.tile, users.hidden[who.row], tracks.hidden, asked)
    _blend(ranker.numbers, room, answer)


@compiled
def _retrieved(similarity: Floats, scale: np.float32, place_numbers: Floats, out: Floats) -> None:
    """Scaled retrieval scores and the numbers of their places, best first, into `out` (2, c)."""
    rising = False
    for place in range(len(similarity)):
        out[0, place], out[1, place] = similarity[place] * scale, place_numbers[place]
        rising |= place > 0 and out[0, place] > out[0, place - 1]
    if rising:
        order = np.argsort(-out[0], kind="mergesort")
        for place in range(len(order)):
            out[1, order[place]] = place_numbers[place]


@partial(compiled, any_order=True)
def _start(numbers: Numbers, shared: Floats, place: int, away: np.float32) -> np.float32:
    """Where the order begins for one candidate of those whose numbers (c, f) are `shared`, that was retrieved so far `away`
    from the best."""
    total = numbers.trust * away
    for column in range(COMMON):
        total += shared[place, column] * numbers.common[column]
    return total


@compiled
def _blend(numbers: Numbers, room: Room, answer: Answer) -> None:
    """The heads as probabilities, and the one score of them and the trees, into `answer` (c, ...)."""
    for place in range(len(answer.score)):
        said, heads = room.tile.heads[place], answer.heads[place]
        said[0] = room.start[place] + numbers.weight * said[0] + numbers.level
        for head in range(HEADS):
            heads[head] = ONE / (ONE + np.exp(-said[head]))
        liked = np.log(max(heads[0], SMALLEST)) + np.log1p(numbers.save * heads[2])
        stays_on = numbers.early_skip * np.log(max(ONE - heads[1], SMALLEST))
        answer.score[place] = liked + stays_on + numbers.trees * np.float32(room.values[place])


class QuickRanker:
    """The network of a release, with trees beside it or without, in machine code."""

    def __init__(self, model: Any, trees: QuickTrees) -> None:
        """`model` is what the SavedModel of a release gives, with `ARRAYS`."""
        arrays = {name: np.asarray(value.read_value()) for name, value in getattr(model, ARRAYS).items()}  # not copied
        self._ranker, self._memory = _ranker(arrays, trees), _memory(arrays)
        self._model, self.encode_tracks = model, model.encode_tracks

    def encode_users(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Encoded users (n, ...), as the release's own `encode_users` gives them."""
        read = {name: np.asarray(values) for name, values in self._model.look_up_users(dict(inputs)).items()}
        recent, outcomes = read.pop("recent"), read.pop("outcomes")
        factor, liking = (np.empty((len(recent), self._memory.factors.shape[1]), np.float32) for _ in range(2))
        place_users(self._memory, recent, outcomes, factor, liking)
        return read | {"factor": factor, "liking": liking}

    def score(self, users: Mapping[str, Any], tracks: Mapping[str, Any], candidates: Any, similarity: Any) -> dict[str, Any]:
        """`score` (n, c), `heads` (n, c, 3) and `stays` (n, c) of candidates (n, c), as `segue.release` describes them.

        Raises:
            IndexError: a candidate is none of the tracks, which machine code would not see.
        """
        asked, scores = np.ascontiguousarray(candidates, np.int32), np.ascontiguousarray(similarity, np.float32)
        there = len(tracks["rows"])
        if asked.size and not 0 <= asked.min() <= asked.max() < there:
            raise IndexError(f"candidates are from 0 to below {there}, received {asked.min()} to {asked.max()}")
        answer = Answer(*(np.empty(shape, np.float32) for shape in (asked.shape, (*asked.shape, HEADS), asked.shape)))
        numbers = users.get("numbers", np.empty((len(asked), 0), np.float32))
        people = Users(**{name: np.asarray(users[name]) for name in Users._fields[:-1]}, numbers=np.asarray(numbers))
        judge(self._ranker, people, Tracks(*(np.asarray(tracks[name]) for name in Tracks._fields)), asked, scores, answer)
        return answer._asdict()


def _ranker(arrays: Mapping[str, Any], trees: QuickTrees) -> Ranker:
    """A ranker of the `ARRAYS` of a release."""
    layers = {name: arrays[name] for name in Layers._fields}
    single = {name: np.float32(arrays[name]) for name in Numbers._fields if name not in ("common", "trees")}
    numbers = Numbers(common=arrays["common_start"], trees=np.float32(arrays.get("trees", 0)), **single)
    layout = Layout(*(int(place) for place in arrays["layout"]))
    return Ranker(Layers(**layers), numbers, layout, _sorted(trees, layout.user_numbers))


def _memory(arrays: Mapping[str, Any]) -> Memory:
    """What a ranker knows of the tracks, of the `ARRAYS` of a release."""
    single = {name: np.float32(arrays[name]) for name in ("usual", "confidence", "ridge")}
    given: dict[str, Any] = {name: arrays[name] for name in Memory._fields} | single
    return Memory(**given)


def _sorted(trees: QuickTrees, user_numbers: int) -> Trees:
    """The tests of trees by what they look at. A row of theirs has what user and track have in common, then so many numbers of
    the user, then those of the track."""
    last = COMMON + user_numbers
    theirs = (trees.features >= COMMON) & (trees.features < last)
    of_users, others = trees.of(theirs), trees.of(~theirs)
    source = np.where(others.features < COMMON, others.features, others.features - user_numbers).astype(np.int32)
    own = (of_users.features - COMMON)[of_users.tests.column]
    return Trees(of_users.tests._replace(column=own.astype(np.int32)), others.tests, source)
