"""A candidate as one row of numbers: where its ranker begins, what user and track have in common, the user's and the track's
own. Trees order by it; the start of every kind of ranker is fitted on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from segue.ranker.crosses import COMMON
from trainers.inputs import RANKER_TRACKS, RANKER_USERS, arrays, constant, constants
from trainers.ranker.inputs import STARTING, TRACK_WIDTH, RankerInputs, Tensors
from trainers.ranker.track_rows import gathered_for

if TYPE_CHECKING:
    from trainers.examples import Catalogue
    from trainers.ranker.lists import Lists

Floats = npt.NDArray[np.float32]
LISTS_AT_ONCE = 100


def row(
    inputs: RankerInputs, users: Tensors, gathered: Tensors, territory: tf.Tensor, retrieval_scores: tf.Tensor
) -> tf.Tensor:
    """The numbers (n, c, 1 + f) of candidates, from what `gathered_for` gives for them."""
    retrieved = retrieval_scores * inputs.scale
    common = inputs.common(users, gathered, territory, retrieved)
    start = inputs.start(common, gathered["start"], retrieved)
    shape = tf.concat([tf.shape(retrieved), [users["numbers"].shape[1]]], axis=0)
    return tf.concat(
        [start[:, :, None], common, tf.broadcast_to(users["numbers"][:, None, :], shape), gathered["numbers"]], axis=2
    )


def rows(inputs: RankerInputs, lists: Lists, catalogue: Catalogue) -> Iterator[Floats]:
    """The rows (some, c, 1 + f) of some lists after others."""
    users = inputs.read_users(constants(arrays(lists.users, RANKER_USERS)))
    tracks = inputs.read_tracks(constants(arrays(catalogue.frame, RANKER_TRACKS)))
    tracks["territory"] = constant(catalogue.popularity)
    for at in range(0, len(lists.users), LISTS_AT_ONCE):
        some = slice(at, at + LISTS_AT_ONCE)
        people = {name: values[some] for name, values in users.items()}
        asked = gathered_for(people, tracks, constant(lists.candidates[some]))
        yield row(inputs, people, *asked, constant(lists.scores[some])).numpy()


def starts(inputs: RankerInputs, lists: Lists, catalogue: Catalogue) -> Floats:
    """Where a ranker begins (n, c) with every track of the lists."""
    return np.concatenate([some[:, :, 0] for some in rows(inputs, lists, catalogue)])


def ordering(inputs: RankerInputs, lists: Lists, catalogue: Catalogue) -> Floats:
    """The numbers (n, c, `COMMON` + `STARTING`) that a start is fitted on."""
    columns = [*range(1, 1 + COMMON), *(n - TRACK_WIDTH for n in STARTING)]
    return np.concatenate([some[:, :, columns] for some in rows(inputs, lists, catalogue)])
