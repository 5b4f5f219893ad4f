"""Examples as the towers' numbers, and batches of those: strings are looked up once, before training, not in every batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from segue.tensors import to_tensors
from trainers.examples import Examples
from trainers.frequency import local_shares
from trainers.inputs import CONTEXT, TRACK, USER_STATE, Arrays, arrays, constants
from trainers.towers import QueryTower, Tensors, TrackTower

ENCODE_AT_ONCE = 16_384


@dataclass(frozen=True)
class Encoded:
    """n examples. `users` and `tracks` hold each distinct row once; `order` has the arrays (n,) of the examples, among them
    `user_row` and `track_row`, which point there; `random` the tracks drawn evenly. `log_probability` is the logarithm of how
    likely a track is in one place of a batch of that time."""

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
    tracks = _encode(track_tower, arrays(examples.tracks, TRACK))
    ids, size = tracks["track"].numpy(), track_tower.tracks.size
    played, drawn = local_shares(ids[examples.track_row], ids[examples.random_rows], size=size, window=counted)
    catalogue = 1.0 / max(len(track_tower.tracks.known), 1)

    def log_probability(shares: npt.NDArray[np.float32]) -> tf.Tensor:
        return tf.constant(np.log((shares + random_share * catalogue) / (1.0 + random_share)), tf.float32)

    order = _moments(examples, query_tower) | {
        "user_row": tf.constant(examples.user_row),
        "track_row": tf.constant(examples.track_row),
        "weight": tf.constant(examples.weight),
        "skipped": tf.constant(examples.skipped),
        "log_probability": log_probability(played),
    }
    random = {"track_row": tf.constant(examples.random_rows), "log_probability": log_probability(drawn)}
    return Encoded(_encode(query_tower, people(examples)), tracks, order, random)


def encode_everyone(examples: Examples, query_tower: QueryTower, track_tower: TrackTower) -> tuple[Tensors, Tensors]:
    """The distinct users and tracks of `examples`, in their order, as the towers' numbers."""
    return _encode(query_tower, people(examples)), _encode(track_tower, arrays(examples.tracks, TRACK))


def batches(data: Encoded, batch: int, *, near: int, random_share: float, seed: int) -> tf.data.Dataset:
    """Batches in order of time, shuffled among about `near` examples: what `Retriever.compute_loss` takes."""
    rows = tf.data.Dataset.range(len(data)).shuffle(near, seed=seed).batch(batch, drop_remainder=True)
    others = tf.data.Dataset.range(len(data.random["track_row"])).repeat()
    others = others.shuffle(max(round(near * random_share), 1), seed=seed + 1)
    even = others.batch(max(round(batch * random_share), 1), drop_remainder=True)

    def gather(row: tf.Tensor, other: tf.Tensor) -> dict[str, Any]:
        order = {name: tf.gather(values, row) for name, values in data.order.items()}
        random = {name: tf.gather(values, other) for name, values in data.random.items()}
        track_rows, probability = (tf.concat([order[k], random[k]], axis=0) for k in ("track_row", "log_probability"))
        return {
            "order": order,
            "users": {name: tf.gather(values, order["user_row"]) for name, values in data.users.items()},
            "tracks": {name: tf.gather(values, track_rows) for name, values in data.tracks.items()},
            "log_probability": probability,
        }

    return tf.data.Dataset.zip((rows, even)).map(gather, num_parallel_calls=1).prefetch(2)


def people(examples: Examples) -> Arrays:
    """The tensors of the distinct users; the moment belongs to the listen and comes with it."""
    n = len(examples.users)
    unknown = {"device": np.full(n, "", object), "hour_of_day": np.full(n, -1), "day_of_week": np.full(n, -1)}
    return arrays(examples.users, USER_STATE) | unknown


def _moments(examples: Examples, query_tower: QueryTower) -> Tensors:
    """The moment of each listen (n,), as `QueryTower.encode` numbers it."""
    moment = to_tensors({spec.name: getattr(examples, spec.name) for spec in CONTEXT}, CONTEXT)
    return query_tower.encode_moment(constants(moment))


def _encode(tower: QueryTower | TrackTower, inputs: Arrays) -> Tensors:
    rows = len(next(iter(inputs.values())))
    parts = [
        tower.encode(constants({k: v[at : at + ENCODE_AT_ONCE] for k, v in inputs.items()}))
        for at in range(0, rows, ENCODE_AT_ONCE)
    ]
    return {name: tf.concat([part[name] for part in parts], axis=0) for name in parts[0]}
