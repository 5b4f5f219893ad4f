"""Where a listener is among the factors of tracks, in machine code: `trainers.layers.fold_in` and `trainers.layers.ridge` as a
release's ranker asks them, one listener after the other.

Both are least squares over the same recent tracks with other weights: their two matrices are one product.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from segue.codes import FIRST_KNOWN
from segue.compiled import compiled
from segue.ranker.crosses import ONE, ZERO, Codes, Floats

BEST_OUTCOME = 2.0
"""What `recent_outcomes` has for a track that was heard to the end; 0 for one that was skipped early."""
SHORTEST = np.float32(1e-6)
"""Factors that are not longer are none."""


class Memory(NamedTuple):
    """What is known of the tracks by number (m, ...): `factors` (m, d) and the `gram` (d, d) of them all, how far above the
    `usual` their listens end (`received`, (m,)). A recent track counts `confidence` times `fading` (r,) at its place; `ridge`
    is what draws the other direction to nothing."""

    factors: Floats
    gram: Floats
    received: Floats
    usual: np.float32
    fading: Floats
    confidence: np.float32
    ridge: np.float32


class Room(NamedTuple):
    """For up to r recent tracks their factors `own` (r, d), and those `weighed` (r, 2 d) for either system; of both the
    `matrices` side by side (d, 2 d), and the right sides `wanted` (2, d)."""

    own: Floats
    weighed: Floats
    matrices: Floats
    wanted: Floats


@compiled
def place_users(memory: Memory, recent: Codes, outcomes: npt.NDArray[np.int64], factor: Floats, liking: Floats) -> None:
    """For listeners with their `recent` tracks (n, r), newest first, and the `outcomes` (n, r) of those, -1 for one not told:
    where they are among the factors, into `factor` (n, d), and in which direction tracks end better for them than for others,
    into `liking` (n, d)."""
    most, width = recent.shape[1], memory.factors.shape[1]
    room = Room(
        own=np.empty((most, width), np.float32),
        weighed=np.empty((most, 2 * width), np.float32),
        matrices=np.empty((width, 2 * width), np.float32),
        wanted=np.empty((2, width), np.float32),
    )
    for who in range(len(recent)):
        count = _collected(memory, recent[who], outcomes[who], room)
        factor[who], liking[who] = ZERO, ZERO
        if count:
            np.dot(room.own[:count].T, room.weighed[:count], room.matrices)
            _solve(room.matrices[:, :width] + memory.gram, room.wanted[0], factor[who])
            _solve(room.matrices[:, width:] + memory.ridge * np.eye(width, dtype=np.float32), room.wanted[1], liking[who])


@compiled
def _collected(memory: Memory, recent: Codes, outcomes: npt.NDArray[np.int64], room: Room) -> int:
    """Put the known ones of the recent tracks (r,) into `room`, with what is wanted of both solutions; how many there are."""
    width, count = memory.factors.shape[1], 0
    room.wanted[:] = ZERO
    for at in range(len(recent)):
        track = recent[at]
        if track < FIRST_KNOWN:
            continue
        length = ZERO
        for way in range(width):
            room.own[count, way] = memory.factors[track, way]
            length += room.own[count, way] * room.own[count, way]
        length = np.sqrt(length)
        unit = ONE / length if length > SHORTEST else ONE
        told = ONE if outcomes[at] >= 0 else ZERO
        answer = np.float32(outcomes[at]) / np.float32(BEST_OUTCOME) - memory.usual - memory.received[track]
        _add(room, count, memory.confidence, memory.fading[at], told * unit * unit, told * unit * answer)
        count += 1
    return count


@compiled
def _add(room: Room, row: int, confidence: np.float32, fading: np.float32, told: np.float32, answer: np.float32) -> None:
    """What a recent track adds to both right sides, and its factors as they are weighed in both products."""
    width, counts = room.own.shape[1], confidence * fading
    heard = counts + ONE if fading > 0 else counts
    for way in range(width):
        room.weighed[row, way] = counts * room.own[row, way]
        room.weighed[row, width + way] = told * room.own[row, way]
        room.wanted[0, way] += heard * room.own[row, way]
        room.wanted[1, way] += answer * room.own[row, way]


@partial(compiled, any_order=True)
def _solve(matrix: Floats, wanted: Floats, out: Floats) -> None:
    """The solution (d,) of a symmetric positive definite system, by Cholesky's factors."""
    factors = np.linalg.cholesky(matrix)
    for row in range(len(wanted)):
        total = wanted[row]
        for column in range(row):
            total -= factors[row, column] * out[column]
        out[row] = total / factors[row, row]
    for row in range(len(wanted) - 1, -1, -1):
        out[row] /= factors[row, row]
        for column in range(row):
            out[column] -= factors[row, column] * out[row]
