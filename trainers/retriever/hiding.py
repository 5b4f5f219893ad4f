"""What training hides from the towers, so that what is often unknown when they are used is in distribution: the moment of a
list, an unknown id, a vector that nobody made, the whole past of a track. And how much more a release counts."""

from __future__ import annotations

import tensorflow as tf

from segue.codes import MISSING, UNKNOWN
from trainers.inputs import PLAYED_NUMBERS, PLAYED_VECTORS, TOWER_NUMBERS, VECTORS
from trainers.retriever.config import RetrieverConfig

Tensors = dict[str, tf.Tensor]
COUNT, AGE = len(TOWER_NUMBERS), [spec.name for spec in TOWER_NUMBERS].index("age_days")


def hide(encoded: Tensors, config: RetrieverConfig) -> Tensors:
    """Encoded users or tracks with the moment of some rows hidden, the id of others, vectors of others again, and all that
    listening says of some tracks."""
    hidden = dict(encoded)
    for name in ("user", "track"):
        if name in encoded:
            hidden[name] = _drop(encoded[name], config.id_dropout)
    if "known" in encoded:
        if config.cold_dropout and encoded["numbers"].shape[0] != 1:  # one row for all: nothing but ids is known of tracks
            new = tf.random.uniform(tf.shape(encoded["track"])) < config.cold_dropout
            hidden |= without_plays(hidden, new)
        kept = tf.cast(tf.random.uniform(tf.shape(encoded["known"])) >= config.vector_dropout, tf.float32)
        hidden |= {"known": hidden["known"] * kept, "vectors": hidden["vectors"] * kept[:, :, None]}
    if "hour" in encoded:
        keep = tf.cast(tf.random.uniform(tf.shape(encoded["hour"])) >= config.context_dropout, tf.int32)
        hidden |= {name: encoded[name] * keep for name in ("hour", "weekday", "device")}
    return hidden


def weights_of(tracks: Tensors, config: RetrieverConfig) -> tf.Tensor:
    """What an example of each encoded track (n,) counts: more when it was not out as the day began, as far as is known, which
    is when it has no age."""
    return tf.where(tracks["numbers"][:, COUNT + AGE] > 0, config.release_weight, 1.0)


def without_plays(tracks: Tensors, new: tf.Tensor) -> Tensors:
    """`track`, `numbers`, `vectors` and `known` as if nobody had played those that are `new` (n,), but for their age: a
    release has none on its first day, which gives it a prior of its own."""
    played = tf.constant([spec.name in PLAYED_NUMBERS for spec in TOWER_NUMBERS]) & new[:, None]
    values, missing = tracks["numbers"][:, :COUNT], tracks["numbers"][:, COUNT:]
    kept = 1.0 - tf.cast(tf.constant([name in PLAYED_VECTORS for name in VECTORS]) & new[:, None], tf.float32)
    return {
        "track": tf.where(new, UNKNOWN, tracks["track"]),
        "numbers": tf.concat([tf.where(played, 0.0, values), tf.where(played, 1.0, missing)], axis=1),
        "vectors": tracks["vectors"] * kept[:, :, None],
        "known": tracks["known"] * kept,
    }


def _drop(ids: tf.Tensor, rate: float) -> tf.Tensor:
    gone = (tf.random.uniform(tf.shape(ids)) < rate) & (ids > max(MISSING, UNKNOWN))
    return tf.where(gone, UNKNOWN, ids)
