"""A listener's candidates go through the whole ranker some at a time, in machine code.

The graph of a SavedModel reads and writes tables of all candidates between any two of its operations. Here what lies between
two layers stays in the nearest cache.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from segue.compiled import compiled
from segue.ranker.crosses import (
    COMMON,
    NEAR_SCALE,
    ONE,
    PLACE_SCALE,
    SMALLEST,
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
from segue.ranker.trees import LANES, Bits, Doubles, Tests, add_values, begin

TILE = 7 * LANES
"""Candidates that go through the ranker together."""


class Scalars(NamedTuple):
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
    """All that a release's ranker is, but what it knows of tracks."""

    layers: Layers
    numbers: Scalars
    layout: Layout
    trees: Trees


class Answer(NamedTuple):
    """`score` (n, c), `heads` (n, c, 3) and `stays` (n, c), as `segue.release` describes them."""

    score: Floats
    heads: Floats
    stays: Floats


class Room(NamedTuple):
    """What a tile of candidates is worked out in: the network's `tile`, how far `away` from the best each was retrieved and
    where its order begins (t,), and the trees' `columns` (f, t), the leaves `begun` (trees,) for this listener, and `values`
    (t,)."""

    tile: Tile
    away: Floats
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
        away=np.empty(TILE, np.float32),
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
        room.away[place] = retrieved[0, place] - who.best
        start = _start(ranker.numbers, both, place, room.away[place])
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
    _blend(ranker.numbers, room, users.belief[who.row], answer)


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
def _start(numbers: Scalars, shared: Floats, place: int, away: np.float32) -> np.float32:
    """Where the order begins for one candidate of those whose numbers (c, f) are `shared`, that was retrieved so far `away`
    from the best."""
    total = numbers.trust * away
    for column in range(COMMON):
        total += shared[place, column] * numbers.common[column]
    return total


@compiled
def _blend(numbers: Scalars, room: Room, belief: np.float32, answer: Answer) -> None:
    """The heads as probabilities, and the one score of them and the trees, drawn to the retriever's as far as there is no
    `belief`, into `answer` (c, ...)."""
    for place in range(len(answer.score)):
        said, heads = room.tile.heads[place], answer.heads[place]
        said[0] = room.start[place] + numbers.weight * said[0] + numbers.level
        for head in range(HEADS):
            heads[head] = ONE / (ONE + np.exp(-said[head]))
        liked = np.log(max(heads[0], SMALLEST)) + np.log1p(numbers.save * heads[2])
        stays_on = numbers.early_skip * np.log(max(ONE - heads[1], SMALLEST))
        score = liked + stays_on + numbers.trees * np.float32(room.values[place])
        answer.score[place] = room.away[place] + belief * (score - room.away[place])
