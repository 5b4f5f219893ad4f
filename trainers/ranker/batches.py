"""What a step of the network looks at: lists with everything that has no trained weight computed once, and of each list what
was played or shown and a draw of the rest.

A list has five hundred tracks and some twenty successes. Most of the others say the same, so a pass looks at a fresh draw of
them, each with the weight of those it stands for; the sums over a list keep their expectations (in the softmax that is the
logQ correction of Bengio and Senecal, 2008).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from trainers.examples import Catalogue
from trainers.inputs import RANKER_TRACKS, RANKER_USERS, arrays, constant, constants
from trainers.ranker.inputs import RankerInputs, Tensors
from trainers.ranker.lists import MARKS, PLAY_MARKS, Lists
from trainers.ranker.track_rows import gathered_for

Floats = npt.NDArray[np.float32]
LISTS_AT_ONCE = 100
TRACK_HALF = ("numbers", "genre")
"""What a network's half of a track is made of; the rest is in what it has in common with the user."""
MARKED = ("candidates", "place", *MARKS, *PLAY_MARKS)


@dataclass(frozen=True)
class Draw:
    """Of n lists the `columns` (n, k) that are looked at, and how many tracks each of them stands for (n, k)."""

    columns: npt.NDArray[np.int32]
    weight: Floats


def drawn(lists: Lists, most: int, rng: np.random.Generator) -> Draw:
    """At most `most` tracks of each list, evenly drawn but for those that were played or shown, which all are there as long as
    they fit."""
    n, c = lists.candidates.shape
    kept = lists.played | (lists.place > 0)
    if most >= c:
        return Draw(np.tile(np.arange(c, dtype=np.int32), (n, 1)), np.ones((n, c), np.float32))
    keys = rng.random((n, c), np.float32) + 2 * kept - 2 * ~(kept | lists.retrieved)
    columns = np.sort(np.argpartition(-keys, most - 1, axis=1)[:, :most], axis=1).astype(np.int32)
    others = lists.retrieved & ~kept
    taken = np.take_along_axis(others, columns, axis=1)
    share = others.sum(axis=1) / np.maximum(taken.sum(axis=1), 1)
    return Draw(columns, np.where(taken, share[:, None], 1.0).astype(np.float32))


class Batches:
    """The inputs of steps over `lists`, row numbers of `catalogue`. Users are read as they are, tracks as well; what they have
    in common, and where the ranker begins, is computed for every candidate once."""

    def __init__(self, inputs: RankerInputs, lists: Lists, catalogue: Catalogue) -> None:
        self.lists = lists
        self.users = inputs.read_users(constants(arrays(lists.users, RANKER_USERS)))
        self.tracks = inputs.read_tracks(constants(arrays(catalogue.frame, RANKER_TRACKS)))
        self.marks = {name: tf.constant(getattr(lists, name)) for name in MARKED}
        popularity = constant(catalogue.popularity)
        parts = [_numbers(inputs, self, popularity, at) for at in range(0, len(lists.users), LISTS_AT_ONCE)]
        self.common, self.start = (tf.concat(some, axis=0) for some in zip(*parts, strict=True))

    def epoch(self, rows: npt.NDArray[np.int64], size: int, most: int, rng: np.random.Generator) -> Iterator[Tensors]:
        """Row numbers (size,), columns and weights (size, most) of each step of a pass over the lists `rows`, shuffled."""
        draw = drawn(self.lists.some(rows), most, rng)
        order = rng.permutation(len(rows))
        for at in range(0, len(rows) - size + 1, size):
            some = order[at : at + size]
            yield {
                "rows": tf.constant(rows[some], tf.int32),
                "columns": tf.constant(draw.columns[some]),
                "weight": tf.constant(draw.weight[some]),
            }

    def gather(self, rows: tf.Tensor, columns: tf.Tensor) -> Tensors:
        """The inputs of a step from lists (b,) and columns (b, k) of each."""
        where = tf.stack([tf.broadcast_to(rows[:, None], tf.shape(columns)), columns], axis=2)
        marks = {name: tf.gather_nd(values, where) for name, values in self.marks.items()}
        candidates = marks.pop("candidates")
        return marks | {
            "users": {name: tf.gather(values, rows) for name, values in self.users.items()},
            "tracks": {name: tf.gather(self.tracks[name], candidates) for name in TRACK_HALF},
            "common": tf.gather_nd(self.common, where),
            "start": tf.gather_nd(self.start, where),
        }


def _numbers(inputs: RankerInputs, read: Batches, popularity: tf.Tensor, at: int) -> tuple[tf.Tensor, tf.Tensor]:
    some = slice(at, at + LISTS_AT_ONCE)
    users = {name: values[some] for name, values in read.users.items()}
    tracks = read.tracks | {"territory": popularity}
    gathered, territory = gathered_for(users, tracks, constant(read.lists.candidates[some]))
    retrieved = constant(read.lists.scores[some]) * inputs.scale
    common = inputs.common(users, gathered, territory, retrieved)
    return common, inputs.start(common, gathered["start"], retrieved)
