"""The retriever: two towers trained so that the dot product of a user and a track ranks what the user will discover.

The loss is in-batch sampled softmax (Yi et al. 2019, "Sampling-bias-corrected neural modeling for large corpus item
recommendations") through `tfrs.tasks.Retrieval`, with three things around it. The candidates of a batch are its own tracks
and some drawn evenly from the catalogue (mixed negative sampling, Yang et al. 2020); logQ corrects for both. A track the
user has heard, or will, is no negative. And early skips, which weigh nothing as positives, are told from the positives by a
logistic loss on the same dot product, so that a skip pushes its own track away.

Examples come in order of time, shuffled only nearby, and once. An id's embedding is then always what was learned from its
past, as it will be when the model is used; with shuffled epochs the network learns to trust embeddings that have seen the
future of the example (on the simulated world, NDCG@30 of the following week is 0.135 after two shuffled epochs, 0.145 after
one pass in order).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_recommenders as tfrs

from segue.errors import SegueError
from segue.tensors import TensorSpec, to_tensors
from trainers.examples import Examples
from trainers.frequency import local_shares
from trainers.inputs import (
    CONTEXT,
    QUERY,
    TRACK,
    TRACK_NUMBERS,
    USER_NUMBERS,
    USER_STATE,
    arrays,
    constants,
    matrix,
    signature,
)
from trainers.layers.heard import HeardPairs
from trainers.layers.vocabulary import MISSING, UNKNOWN, Vocabulary
from trainers.towers import QueryTower, Tensors, TrackTower

ENCODE_AT_ONCE = 16_384


@dataclass(frozen=True)
class RetrieverConfig:
    """Hyperparameters.

    `table_rate` is Adagrad's, for the embedding tables; `rate` is Adam's, for the rest: Adam would update every row of every
    table at every step. `table_start` is where Adagrad's sums of squares begin: Keras's 0.1 is so large beside the gradient
    of one row of a mean loss (about 0.001) that tables would hardly move. `random_negatives` are a share of the batch. A
    small training set gets a smaller batch, and several passes, so that it has `fewest_steps`. `context_dropout` is how
    often the moment of a listen is hidden, because a weekly playlist has none; `id_dropout` how often an id is, so that an
    unknown one is in distribution.
    """

    dimensions: int = 64
    hidden: int = 128
    temperature: float = 0.1
    batch: int = 1024
    smallest_batch: int = 64
    fewest_steps: int = 50
    random_negatives: float = 0.25
    shuffled_at_once: int = 20_000
    table_rate: float = 0.1
    table_start: float = 1e-8
    rate: float = 1e-3
    skip_weight: float = 0.3
    context_dropout: float = 0.3
    id_dropout: float = 0.1
    log_q: bool = True


@dataclass(frozen=True)
class Vocabularies:
    """Every id and name the towers know, from what is known at the cutoff."""

    users: list[str]
    tracks: list[str]
    artists: list[str]
    genres: list[str]
    territories: list[str]


@dataclass(frozen=True)
class Encoded:
    """Examples as the towers' numbers: `users` and `tracks` by distinct row, `order` the arrays (n,) of each example."""

    users: Tensors
    tracks: Tensors
    order: Tensors
    random: Tensors

    def __len__(self) -> int:
        return int(self.order["user_row"].shape[0])


class Retriever(tfrs.Model):
    """Two towers and their loss. Give `fit_examples` the examples of a time span; call it again to go on with a later one."""

    def __init__(self, config: RetrieverConfig, known: Vocabularies) -> None:
        super().__init__()
        self.config = config
        tracks, artists, genres = (Vocabulary(v) for v in (known.tracks, known.artists, known.genres))
        self.track_tower = TrackTower(tracks, artists, genres, config.dimensions, config.hidden)
        users, territories = Vocabulary(known.users), Vocabulary(known.territories)
        self.query_tower = QueryTower(users, territories, self.track_tower, config.dimensions, config.hidden)
        self.task = tfrs.tasks.Retrieval(temperature=config.temperature, remove_accidental_hits=True)
        self.feedback_scale, self.feedback_bias = tf.Variable(1.0 / config.temperature), tf.Variable(0.0)
        self.skips_known = tf.Variable(0.0, trainable=False)
        self.heard: HeardPairs | None = None
        self.mean_loss = tf.keras.metrics.Mean(name="loss")
        self.table_optimizer = tf.keras.optimizers.legacy.Adagrad(
            config.table_rate, initial_accumulator_value=config.table_start
        )
        self.compile(optimizer=tf.keras.optimizers.legacy.Adam(config.rate))

    def adapt(self, examples: Examples) -> None:
        """Learn the normalisation of numbers from the distinct rows of `examples`."""
        self.query_tower.numbers.adapt(matrix(examples.users, [spec.name for spec in USER_NUMBERS]))
        self.track_tower.numbers.adapt(matrix(examples.tracks, [spec.name for spec in TRACK_NUMBERS]))

    def encode_examples(self, examples: Examples) -> Encoded:
        """Look every distinct row up once; training then touches numbers only."""
        unknown = {name: np.full(len(examples.users), value) for name, value in (("hour_of_day", -1), ("day_of_week", -1))}
        users = arrays(examples.users, USER_STATE) | unknown | {"device": np.full(len(examples.users), "", object)}
        tracks = self._encode(self.track_tower, arrays(examples.tracks, TRACK))
        moment = to_tensors({spec.name: getattr(examples, spec.name) for spec in CONTEXT}, CONTEXT)
        order = {
            "user_row": tf.constant(examples.user_row),
            "track_row": tf.constant(examples.track_row),
            "device": self.query_tower.devices(tf.constant(moment["device"], tf.string)),
            "hour": tf.constant(moment["hour_of_day"] + 1, tf.int32),
            "weekday": tf.constant(moment["day_of_week"] + 1, tf.int32),
            "weight": tf.constant(examples.weight),
            "skipped": tf.constant(examples.skipped),
        }
        ids = tracks["track"].numpy()
        near, even = local_shares(
            ids[examples.track_row],
            ids[examples.random_rows],
            size=self.track_tower.tracks.size,
            window=self.config.shuffled_at_once // 3,
        )
        order["log_probability"] = tf.constant(self._log_probability(near))
        random = {"track_row": tf.constant(examples.random_rows), "log_probability": tf.constant(self._log_probability(even))}
        return Encoded(self._encode(self.query_tower, users), tracks, order, random)

    def _log_probability(self, shares: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """How likely a track is in one place of a batch: its share of the listens and its share of the catalogue, mixed."""
        even, catalogue = self.config.random_negatives, 1.0 / max(len(self.track_tower.tracks.known), 1)
        return np.log((shares + even * catalogue) / (1.0 + even)).astype(np.float32)

    def _encode(self, tower: QueryTower | TrackTower, inputs: dict[str, npt.NDArray[Any]]) -> Tensors:
        rows = len(next(iter(inputs.values())))
        parts = [
            tower.encode(constants({k: v[at : at + ENCODE_AT_ONCE] for k, v in inputs.items()}))
            for at in range(0, rows, ENCODE_AT_ONCE)
        ]
        return {name: tf.concat([part[name] for part in parts], axis=0) for name in parts[0]}

    def compute_loss(self, inputs: dict[str, Any], training: bool = False) -> tf.Tensor:
        """Mean sampled-softmax loss of the positives, plus the logistic loss that tells skips from them."""
        users, tracks, order = inputs["users"], inputs["tracks"], inputs["order"]
        identity = {"user": users["user"], "track": tracks["track"]}
        if training:
            users, tracks = self._hide(users | {k: order[k] for k in ("device", "hour", "weekday")}), self._hide(tracks)
        query, track = self.query_tower.embed(users), self.track_tower.embed(tracks)
        batch = tf.shape(query)[0]
        probability = tf.exp(inputs["log_probability"]) if self.config.log_q else None
        allowed = tf.logical_not(self.heard(identity["user"], identity["track"])) if self.heard else None
        if allowed is not None:
            allowed = tf.linalg.set_diag(allowed, tf.ones(batch, tf.bool))
        softmax = self.task(
            query,
            track,
            sample_weight=order["weight"],
            candidate_sampling_probability=probability,
            candidate_ids=identity["track"],
            score_mask=allowed,
            compute_metrics=False,
        ) / tf.maximum(tf.reduce_sum(order["weight"]), 1.0)
        return softmax + self.config.skip_weight * self.skips_known * self._feedback(query, track[:batch], order)

    def _feedback(self, query: tf.Tensor, track: tf.Tensor, order: Tensors) -> tf.Tensor:
        logits = self.feedback_scale * tf.reduce_sum(query * track, axis=1) + self.feedback_bias
        liked = tf.cast(tf.logical_not(order["skipped"]), tf.float32)
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(liked, logits))

    def _hide(self, encoded: Tensors) -> Tensors:
        """Hide the moment of some rows, and the id of others."""
        hidden = dict(encoded)
        for name in ("user", "track"):
            if name in encoded:
                hidden[name] = _drop(encoded[name], self.config.id_dropout, UNKNOWN)
        if "hour" in encoded:
            keep = tf.cast(tf.random.uniform(tf.shape(encoded["hour"])) >= self.config.context_dropout, tf.int32)
            hidden |= {
                "hour": encoded["hour"] * keep,
                "weekday": encoded["weekday"] * keep,
                "device": encoded["device"] * keep,
            }
        return hidden

    def train_step(self, inputs: dict[str, Any]) -> Tensors:
        """One step: Adagrad for the tables, Adam for the rest."""
        with tf.GradientTape() as tape:
            loss = self.compute_loss(inputs, training=True)
        variables = self.trainable_variables
        pairs = list(zip(tape.gradient(loss, variables), variables, strict=True))
        self.table_optimizer.apply_gradients([p for p in pairs if "embedding" in p[1].name])
        self.optimizer.apply_gradients([p for p in pairs if "embedding" not in p[1].name])
        self.mean_loss.update_state(loss)
        return {"loss": self.mean_loss.result()}

    @property
    def metrics(self) -> list[tf.keras.metrics.Metric]:
        """What Keras resets after each pass."""
        return [self.mean_loss]

    def fit_examples(self, examples: Examples, heard: HeardPairs, *, seed: int) -> list[float]:
        """Train on `examples`, oldest first; the mean loss of each pass. There is one, unless there are very few examples.

        Raises:
            SegueError: the loss or a weight became infinite or no number.
        """
        data = self.encode_examples(examples)
        self.heard = heard
        self.skips_known.assign(float(examples.skipped.any()))
        self.train_function = None  # `heard` is part of the traced step
        batch = min(self.config.batch, max(self.config.smallest_batch, len(data) // self.config.fewest_steps), len(data))
        passes = -(-self.config.fewest_steps // (len(data) // batch))
        stop = tf.keras.callbacks.TerminateOnNaN()
        history = self.fit(self._batches(data, batch, seed), epochs=passes, verbose=0, callbacks=[stop])
        losses = [float(loss) for loss in history.history["loss"]]
        self._require_finite(losses)
        return losses

    def _batches(self, data: Encoded, batch: int, seed: int) -> tf.data.Dataset:
        near, share = self.config.shuffled_at_once, self.config.random_negatives
        rows = tf.data.Dataset.range(len(data)).shuffle(near, seed=seed).batch(batch, drop_remainder=True)
        others = tf.data.Dataset.range(len(data.random["track_row"])).repeat()
        others = others.shuffle(max(round(near * share), 1), seed=seed + 1)
        even = others.batch(max(round(batch * share), 1), drop_remainder=True)

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

    def _require_finite(self, losses: list[float]) -> None:
        weights = all(bool(tf.reduce_all(tf.math.is_finite(variable))) for variable in self.trainable_variables)
        if not weights or not np.isfinite(losses).all():
            raise SegueError(
                expected="a retriever whose loss and weights stay finite",
                received=f"losses {', '.join(f'{loss:.4g}' for loss in losses)}",
                mend="lower the learning rates in RetrieverConfig, or look for absurd values in the features of this day",
            )


class SavedTower(tf.Module):
    """What a tower is in a release: `encode`, from feature tensors to unit vectors."""

    def __init__(self, tower: QueryTower | TrackTower, specs: tuple[TensorSpec, ...]) -> None:
        super().__init__()
        self.tower = tower
        self.encode = tf.function(tower.__call__, input_signature=[signature(specs)])


def save_towers(retriever: Retriever, folder: Path) -> None:
    """Write `query_tower/` and `track_tower/` as SavedModels."""
    tf.saved_model.save(SavedTower(retriever.query_tower, QUERY), str(folder / "query_tower"))
    tf.saved_model.save(SavedTower(retriever.track_tower, TRACK), str(folder / "track_tower"))


def _drop(ids: tf.Tensor, rate: float, stand_in: int) -> tf.Tensor:
    hide = (tf.random.uniform(tf.shape(ids)) < rate) & (ids > max(MISSING, UNKNOWN))
    return tf.where(hide, stand_in, ids)
