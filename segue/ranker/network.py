"""The layers of the ranker's network over a tile of candidates, in machine code: products by BLAS, what is between them in
place. The graph in `trainers.ranker.network` is what was trained; this has to say the same.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segue.compiled import compiled
from segue.ranker.crosses import ZERO, Codes, Floats

HEADS = 3


class Layers(NamedTuple):
    """Weights of the layers: `common` (f + t, h) of what user and track have in common and of their tastes, one low-rank cross
    after the other as `down` (l, h, r), `up` (l, r, h) and `up_bias` (l, h), `middle` (h, k) and `heads` (k, 3)."""

    common: Floats
    down: Floats
    up: Floats
    up_bias: Floats
    middle: Floats
    middle_bias: Floats
    heads: Floats
    heads_bias: Floats


class Tile(NamedTuple):
    """Room for what lies between the layers of up to t candidates."""

    both: Floats
    first: Floats
    crossed: Floats
    down: Floats
    up: Floats
    middle: Floats
    heads: Floats


@compiled
def tile_of(layers: Layers, rows: int) -> Tile:
    """A tile of so many candidates."""
    both, hidden = layers.common.shape
    return Tile(
        both=np.empty((rows, both), np.float32),
        first=np.empty((rows, hidden), np.float32),
        crossed=np.empty((rows, hidden), np.float32),
        down=np.empty((rows, layers.down.shape[2]), np.float32),
        up=np.empty((rows, hidden), np.float32),
        middle=np.empty((rows, layers.middle.shape[1]), np.float32),
        heads=np.empty((rows, HEADS), np.float32),
    )


@compiled
def heads_of(layers: Layers, tile: Tile, user: Floats, tracks: Floats, asked: Codes) -> None:
    """What the heads say of the tracks `asked` for (c,), into `tile.heads`, from `tile.both` and the parts of the first layer
    of the `user` (h,) and of all `tracks` (m, h)."""
    count = len(asked)
    first, crossed = tile.first[:count], tile.crossed[:count]
    np.dot(tile.both[:count], layers.common, first)
    for row in range(count):
        track = asked[row]
        for unit in range(len(user)):
            first[row, unit] = max(first[row, unit] + (user[unit] + tracks[track, unit]), ZERO)
            crossed[row, unit] = first[row, unit]
    for layer in range(len(layers.down)):
        np.dot(crossed, layers.down[layer], tile.down[:count])
        np.dot(tile.down[:count], layers.up[layer], tile.up[:count])
        _cross(first, tile.up[:count], layers.up_bias[layer], crossed)
    middle = tile.middle[:count]
    np.dot(crossed, layers.middle, middle)
    for row in range(count):
        for unit in range(middle.shape[1]):
            middle[row, unit] = max(middle[row, unit] + layers.middle_bias[unit], ZERO)
    np.dot(middle, layers.heads, tile.heads[:count])
    for row in range(count):
        for head in range(HEADS):
            tile.heads[row, head] += layers.heads_bias[head]


@compiled
def _cross(first: Floats, up: Floats, bias: Floats, crossed: Floats) -> None:
    """Add what a cross layer adds to `crossed` (c, h): the first layer times what is learned of the products."""
    for row in range(len(first)):
        for unit in range(len(bias)):
            crossed[row, unit] += first[row, unit] * (up[row, unit] + bias[unit])
