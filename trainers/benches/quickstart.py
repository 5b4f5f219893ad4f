"""The plain TensorFlow Recommenders retrieval model, as its quickstart writes it: what `segue bench training` compares with.

Ids only: a StringLookup and an Embedding on each side, the in-batch softmax of `tfrs.tasks.Retrieval` without any extra, one
Keras Adagrad of rate 0.5 for everything, and `tfrs.Model`'s own training step, as on https://www.tensorflow.org/recommenders.
With `metrics`, as there, every step also ranks the whole catalogue for every example of the batch (`FactorizedTopK`).
`SameTowers` is the same plain loop around the platform's towers: every feature, its strings looked up in every step.
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow_recommenders as tfrs

from trainers.examples import Examples
from trainers.inputs import TRACK, arrays, constant, constants
from trainers.retriever.encoding import untuned, user_tensors
from trainers.retriever.model import Retriever
from trainers.retriever.towers import Tensors

RATE = 0.5
CANDIDATES_AT_ONCE = 128


class Quickstart(tfrs.Model):
    """Two embedding tables and a softmax over the batch."""

    def __init__(self, users: list[str], tracks: list[str], dimensions: int, *, metrics: bool) -> None:
        super().__init__()
        self.user_model, self.track_model = _embedding(users, dimensions), _embedding(tracks, dimensions)
        catalogue = tf.data.Dataset.from_tensor_slices(tracks).batch(CANDIDATES_AT_ONCE).map(self.track_model)
        self.task = tfrs.tasks.Retrieval(metrics=tfrs.metrics.FactorizedTopK(catalogue) if metrics else None)
        self.compile(optimizer=tf.keras.optimizers.Adagrad(RATE))

    def compute_loss(self, inputs: Tensors, training: bool = False) -> tf.Tensor:  # noqa: ARG002 - Keras names it
        """The loss of `user_id` and `track_id` (b,), strings."""
        return self.task(self.user_model(inputs["user_id"]), self.track_model(inputs["track_id"]))


class SameTowers(tfrs.Model):
    """The platform's towers, trained from strings by one optimizer and the plain softmax."""

    def __init__(self, towers: Retriever) -> None:
        super().__init__()
        self.query_tower, self.track_tower = towers.query_tower, towers.track_tower
        self.task = tfrs.tasks.Retrieval()
        self.compile(optimizer=tf.keras.optimizers.Adagrad(RATE))

    def compute_loss(self, inputs: dict[str, Tensors], training: bool = False) -> tf.Tensor:  # noqa: ARG002 - Keras names it
        """The loss of `users` and `tracks`, feature tensors of b rows each."""
        return self.task(self.query_tower(inputs["users"]), self.track_tower(inputs["tracks"]))


def _embedding(ids: list[str], dimensions: int) -> tf.keras.Sequential:
    lookup = tf.keras.layers.StringLookup(vocabulary=ids)
    return tf.keras.Sequential([lookup, tf.keras.layers.Embedding(lookup.vocabulary_size(), dimensions)])


def id_batches(examples: Examples, batch: int) -> tf.data.Dataset:
    """Batches of the ids of `examples`, in order."""
    ids = {
        "user_id": constant(examples.users["user_id"].to_numpy(object)[examples.user_row]),
        "track_id": constant(examples.tracks["track_id"].to_numpy(object)[examples.track_row]),
    }
    return untuned(tf.data.Dataset.from_tensor_slices(ids).batch(batch, drop_remainder=True).prefetch(2))


def feature_batches(examples: Examples, batch: int) -> tf.data.Dataset:
    """Batches of every feature of `examples`, in order, as their frames have them."""
    users, tracks = constants(user_tensors(examples.users)), constants(arrays(examples.tracks, TRACK))
    rows = tf.data.Dataset.from_tensor_slices((examples.user_row, examples.track_row)).batch(batch, drop_remainder=True)

    def gather(user: tf.Tensor, track: tf.Tensor) -> dict[str, Tensors]:
        return {
            "users": {name: tf.gather(values, user) for name, values in users.items()},
            "tracks": {name: tf.gather(values, track) for name, values in tracks.items()},
        }

    return untuned(rows.map(gather, num_parallel_calls=1).prefetch(2))
