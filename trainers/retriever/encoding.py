"""Examples as the towers' numbers, and batches of those: strings are looked up once, before training, not in every batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from segue.codes import MISSING
from segue.tensors import to_tensors
from trainers.examples import Examples
from trainers.inputs import CONTEXT, TRACK, USER_STATE, Arrays, arrays, constants
from trainers.retriever.frequency import local_shares
from trainers.retriever.towers import QueryTower, Tensors, TrackTower

if TYPE_CHECKING:
    import pandas as pd

ENCODE_AT_ONCE = 16_384


@dataclass(frozen=True)
class Encoded:
    """n examples. `users` and `tracks` hold each distinct row once; `order` has the arrays (n,) of the examples, among them
    `user_row` and `track_row`, which point there; `random` the tracks drawn evenly. `log_probability` is the logarithm of how
    likely a track is in one place of a batch of that time.

    Where rows differ in nothing but their id, what they share is held once, as arrays of one row, and so it is in a batch:
    the network then runs over that row. A log of ids alone is like that; its `order` then has no moments."""

    users: Tensors
    tracks: Tensors
    order: Tensors
    random: Tensors

    def __len__(self) -> int:
        return int(self.order["user_row"].shape[0])


def encode_examples(
    examples: Examples, query_tower: QueryTower, track_tower: TrackTower, *, counted: int, random_share: float
) -> Encoded:
    """Encode `examples`, whose batches get `random_share` as many tracks drawn evenly. How likely a track is in a batch is
    its share of the block of `counted` examples and of the two beside it."""
    tracks = _encode(track_tower, examples.tracks, _track_tensors)
    ids, size = tracks["track"].numpy(), track_tower.tracks.size
    played, drawn = local_shares(ids[examples.track_row], ids[examples.random_rows], size=size, window=counted)
    catalogue = 1.0 / max(len(track_tower.tracks.known), 1)

    def log_probability(shares: npt.NDArray[np.float32]) -> tf.Tensor:
        return tf.constant(np.log((shares + random_share * catalogue) / (1.0 + random_share)), tf.float32)

    users, moments = _encode(query_tower, examples.users, user_tensors), _moments(examples, query_tower)
    if not any(bool(tf.reduce_any(numbers != MISSING)) for numbers in moments.values()):
        shared = _shared_once(users, "user")
        users, moments = shared, (moments if shared is users else {})
    order = moments | {
        "user_row": tf.constant(examples.user_row),
        "track_row": tf.constant(examples.track_row),
        "weight": tf.constant(examples.weight),
        "skipped": tf.constant(examples.skipped),
        "log_probability": log_probability(played),
    }
    random = {"track_row": tf.constant(examples.random_rows), "log_probability": log_probability(drawn)}
    return Encoded(users, _shared_once(tracks, "track"), order, random)


def encode_everyone(examples: Examples, query_tower: QueryTower, track_tower: TrackTower) -> tuple[Tensors, Tensors]:
    """The distinct users and tracks of `examples`, in their order, as the towers' numbers."""
    return _encode(query_tower, examples.users, user_tensors), _encode(track_tower, examples.tracks, _track_tensors)


def batches(
    data: Encoded, batch: int, *, near: int, random_share: float, seed: int, part: tuple[int, int] = (0, 1)
) -> tf.data.Dataset:
    """Batches in order of time, shuffled among about `near` examples: what `Retriever.compute_loss` takes.

    Args:
        part: which share of every batch, from 0, of how many; the batch must be a multiple of that.
    """
    drawn = max(round(batch * random_share), 1)
    drawn += -drawn % part[1]
    rows = tf.data.Dataset.range(len(data)).shuffle(near, seed=seed).batch(batch, drop_remainder=True)
    others = tf.data.Dataset.range(len(data.random["track_row"])).repeat()
    others = others.shuffle(max(round(near * random_share), 1), seed=seed + 1)
    even = others.batch(drawn, drop_remainder=True)

    def share(numbers: tf.Tensor) -> tf.Tensor:
        size = numbers.shape[0] // part[1]
        return numbers[part[0] * size : (part[0] + 1) * size]

    def gather(all_rows: tf.Tensor, all_others: tf.Tensor) -> dict[str, Any]:
        row, other = share(all_rows), share(all_others)
        order = {name: tf.gather(values, row) for name, values in data.order.items()}
        random = {name: tf.gather(values, other) for name, values in data.random.items()}
        track_rows, probability = (tf.concat([order[k], random[k]], axis=0) for k in ("track_row", "log_probability"))
        return {
            "order": order,
            "users": _rows(data.users, "user", order["user_row"]),
            "tracks": _rows(data.tracks, "track", track_rows),
            "log_probability": probability,
        }

    return untuned(tf.data.Dataset.zip((rows, even)).map(gather, num_parallel_calls=1).prefetch(2))


def untuned(data: tf.data.Dataset) -> tf.data.Dataset:
    """`data` without TensorFlow's tuner: nothing is left to tune, and dropping an iterator waits for the tuner's thread, which
    sleeps the longer the longer it has lived (seen: 39 s after a bench of two minutes)."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return data.with_options(options)


def user_tensors(users: pd.DataFrame) -> Arrays:
    """The tensors of users (n rows); the moment belongs to the listen and comes with it."""
    n = len(users)
    unknown = {"device": np.full(n, "", object), "hour_of_day": np.full(n, -1), "day_of_week": np.full(n, -1)}
    return arrays(users, USER_STATE) | unknown


def _track_tensors(tracks: pd.DataFrame) -> Arrays:
    return arrays(tracks, TRACK)


def _shared_once(encoded: Tensors, id_name: str) -> Tensors:
    """`encoded` (n rows) with all but the id as one row, if all n have the same there; as it is otherwise."""
    features = {name: values for name, values in encoded.items() if name != id_name}
    if not all(bool(tf.reduce_all(values == values[:1])) for values in features.values()):
        return encoded
    return {id_name: encoded[id_name]} | {name: values[:1] for name, values in features.items()}


def _rows(encoded: Tensors, id_name: str, rows: tf.Tensor) -> Tensors:
    """Those rows (b,) of `encoded`; what all share stays one row."""
    shared = encoded["numbers"].shape[0] < encoded[id_name].shape[0]
    return {name: values if shared and name != id_name else tf.gather(values, rows) for name, values in encoded.items()}


def _moments(examples: Examples, query_tower: QueryTower) -> Tensors:
    """The moment of each listen (n,), as `QueryTower.encode` numbers it."""
    moment = to_tensors({spec.name: getattr(examples, spec.name) for spec in CONTEXT}, CONTEXT)
    return query_tower.encode_moment(constants(moment))


def _encode(tower: QueryTower | TrackTower, frame: pd.DataFrame, tensors: Callable[[pd.DataFrame], Arrays]) -> Tensors:
    """The rows of `frame` as numbers, some at a time: as strings, all of a large platform would fill the memory."""
    slices = [frame.iloc[at : at + ENCODE_AT_ONCE] for at in range(0, len(frame), ENCODE_AT_ONCE)]
    parts = [tower.encode(constants(tensors(some))) for some in slices]
    return {name: tf.concat([part.pop(name) for part in parts], axis=0) for name in list(parts[0])}
