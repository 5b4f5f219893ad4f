"""The retriever: two towers trained so that the dot product of a user and a track ranks what the user will discover.

The loss is in-batch sampled softmax (Yi et al. 2019, "Sampling-bias-corrected neural modeling for large corpus item
recommendations"), with three things around it. The candidates of a batch are its own tracks
and some drawn evenly from the catalogue (mixed negative sampling, Yang et al. 2020); logQ corrects for both. A track the
user has heard, or will, is no negative. And early skips, which weigh nothing as positives, are told from the positives by a
logistic loss on the same dot product, so that a skip pushes its own track away.

Examples come in order of time, shuffled only nearby, and once. An id's embedding is then always what was learned from its
past, as it will be when the model is used; with shuffled epochs the network learns to trust embeddings that have seen the
future of the example (on the simulated world, NDCG@30 of the following week is 0.135 after two shuffled epochs, 0.145 after
one pass in order).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from segue.errors import SegueError
from trainers.examples import Examples
from trainers.inputs import TOWER_NUMBERS, USER_NUMBERS, matrix
from trainers.layers.batch_softmax import batch_softmax, may_be_negative
from trainers.layers.heard import HeardPairs
from trainers.layers.met_rows import DistinctAdagrad, met_rows
from trainers.layers.vocabulary import Vocabulary
from trainers.retriever.config import RetrieverConfig
from trainers.retriever.encoding import batches, encode_examples
from trainers.retriever.hiding import hide, weights_of
from trainers.retriever.id_tables import IdTables
from trainers.retriever.towers import QueryTower, SavedTower, Tables, Tensors, TrackTower
from trainers.retriever.workers import everyones, how_many, total


@dataclass(frozen=True)
class Vocabularies:
    """Every id and name the towers know, from what is known at the cutoff."""

    users: list[str]
    tracks: list[str]
    artists: list[str]
    genres: list[str]
    territories: list[str]


class Retriever(tfrs.Model):
    """Two towers and their loss. Give `fit_examples` the examples of a time span; call it again to go on with a later one."""

    def __init__(self, config: RetrieverConfig, known: Vocabularies) -> None:
        super().__init__()
        self.config = config
        tracks, artists, genres = (Vocabulary(v) for v in (known.tracks, known.artists, known.genres))
        self.track_tower = TrackTower(tracks, artists, genres, config.dimensions, config.hidden)
        users, territories = Vocabulary(known.users), Vocabulary(known.territories)
        self.query_tower = QueryTower(users, territories, self.track_tower, config.dimensions, config.hidden)
        self.query, self.track = SavedTower(self.query_tower), SavedTower(self.track_tower)
        self.feedback_scale, self.feedback_bias = tf.Variable(1.0 / config.temperature), tf.Variable(0.0)
        self.skips_known = tf.Variable(0.0, trainable=False)
        self.heard: HeardPairs | None = None
        self.several = config.batches_per_step
        self.id_tables = IdTables(self.query_tower.user_table, self.track_tower.track_table)
        self.mean_loss = tf.keras.metrics.Mean(name="loss")
        self.table_optimizer = (
            tf.keras.optimizers.legacy.Adam(config.table_rate)
            if config.table_optimizer == "adam"
            else DistinctAdagrad(config.table_rate, initial_accumulator_value=config.table_start)
        )
        self.compile(optimizer=tf.keras.optimizers.legacy.Adam(config.rate))

    def adapt(self, examples: Examples) -> None:
        """Learn the normalisation of numbers from the distinct rows of `examples`."""
        self.query_tower.numbers.adapt(matrix(examples.users, [spec.name for spec in USER_NUMBERS]))
        self.track_tower.numbers.adapt(matrix(examples.tracks, [spec.name for spec in TOWER_NUMBERS]))

    @property
    def tables(self) -> Tables:
        """The tables as they are used: those of ids smoothed, when they have met a neighbourhood."""
        users, tracks = self.id_tables.used()
        return self.query_tower.tables._replace(users=users, tracks=tracks)

    def compute_loss(self, inputs: dict[str, Any], training: bool = False) -> tf.Tensor:
        """Mean sampled-softmax loss of the positives, plus the logistic loss that tells skips from them; over all batches,
        when `inputs` hold several, one after the other. Of several workers each has its share, and the losses add up."""
        tables, several = self.tables, self.several
        if several == 1:
            return self._batch_loss(inputs, tables, training=training)
        each = [tf.nest.map_structure(lambda values, i=i: values[i], inputs) for i in range(several)]
        return tf.add_n([self._batch_loss(batch, tables, training=training) for batch in each]) / several

    def _batch_loss(self, inputs: dict[str, Any], tables: Tables, *, training: bool) -> tf.Tensor:
        users, tracks, order = inputs["users"], inputs["tracks"], inputs["order"]
        identity = {"user": users["user"], "track": tracks["track"]}
        if training:
            moment = {name: order[name] for name in ("device", "hour", "weekday") if name in order}
            users, tracks = hide(users | moment, self.config), hide(tracks, self.config)
        tables, users, tracks = self._met(tables, users, tracks)
        query, track = self.query_tower.embed(users, tables), self.track_tower.embed(tracks, tables)
        batch = tf.shape(query)[0]
        weight = order["weight"] * weights_of(tracks, self.config)[:batch]
        candidates, ids, logs = (everyones(own, batch) for own in (track, identity["track"], inputs["log_probability"]))
        losses = batch_softmax(
            query,
            candidates,
            may_be_negative(identity["user"], ids, self.heard),
            logs if self.config.log_q else None,
            temperature=self.config.temperature,
        )
        softmax = tf.reduce_sum(losses * weight) / tf.maximum(total(tf.reduce_sum(weight)), 1.0)
        feedback = self._feedback(query, track[:batch], order) / how_many()
        return softmax + self.config.skip_weight * self.skips_known * feedback

    def _met(self, tables: Tables, users: Tensors, tracks: Tensors) -> tuple[Tables, Tensors, Tensors]:
        """Of the tables of tracks and artists the rows that this batch meets, and `users` and `tracks` with the numbers these
        have there. A smoothed table depends on all of its rows, and is taken whole."""
        artists, (of_users, of_tracks) = met_rows(tables.artists, users["artists"], tracks["artist"])
        users, tracks = users | {"artists": of_users}, tracks | {"artist": of_tracks}
        tables = tables._replace(artists=artists, genres=tf.identity(tables.genres))
        if tables.tracks is not self.track_tower.track_table:
            return tables, users, tracks
        rows, (recent, track) = met_rows(tables.tracks, users["recent"], tracks["track"])
        return tables._replace(tracks=rows), users | {"recent": recent}, tracks | {"track": track}

    def _feedback(self, query: tf.Tensor, track: tf.Tensor, order: Tensors) -> tf.Tensor:
        logits = self.feedback_scale * tf.reduce_sum(query * track, axis=1) + self.feedback_bias
        liked = tf.cast(tf.logical_not(order["skipped"]), tf.float32)
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(liked, logits))

    def train_step(self, inputs: dict[str, Any]) -> Tensors:
        """One step: Adagrad for the tables, Adam for the rest."""
        with tf.GradientTape() as tape:
            loss = self.compute_loss(inputs, training=True)
        variables = self.trainable_variables
        pairs = list(zip(tape.gradient(loss, variables), variables, strict=True))
        self.table_optimizer.apply_gradients([p for p in pairs if "embedding" in p[1].name])
        self.optimizer.apply_gradients([p for p in pairs if "embedding" not in p[1].name])
        self.mean_loss.update_state(loss * how_many())
        return {"loss": self.mean_loss.result()}

    @property
    def metrics(self) -> list[tf.keras.metrics.Metric]:
        """What Keras resets after each pass."""
        return [self.mean_loss]

    def fit_examples(
        self,
        examples: Examples,
        heard: HeardPairs,
        *,
        seed: int,
        after_pass: Callable[[int, float], bool] | None = None,
    ) -> list[float]:
        """Train on `examples`, oldest first; the mean loss of each pass. There are more than asked for if there are very few.

        Args:
            after_pass: called with the number of passes done and the mean loss of the last; training ends when it says False.

        Raises:
            SegueError: the loss or a weight became infinite or no number.
        """
        ordered, steps = self.ready(examples, heard, seed=seed)
        passes = max(self.config.passes, -(-self.config.fewest_steps // steps))
        callbacks = [tf.keras.callbacks.TerminateOnNaN(), _AfterPass(after_pass)]
        # A pass over data that is spread over workers has no end that they could see.
        a_pass = {"steps_per_epoch": steps} if self._workers > 1 else {}
        history = self.fit(ordered, epochs=passes, verbose=0, callbacks=callbacks, **a_pass)
        losses = [float(loss) for loss in history.history["loss"]]
        self._require_finite(losses)
        self.id_tables.settle()
        return losses

    def ready(self, examples: Examples, heard: HeardPairs, *, seed: int) -> tuple[tf.data.Dataset, int]:
        """Make everything ready to train on `examples`: the batches of one pass, in order, and how many they are."""
        near, share = min(self.config.shuffled_at_once, len(examples)), self.config.random_negatives
        # Three blocks are counted, so that together they span what a batch mixes; a log without an order is one block.
        counted = len(examples) if self.config.passes > 1 else max(near // 3, 1)
        data = encode_examples(examples, self.query_tower, self.track_tower, counted=counted, random_share=share)
        self._begin(heard, seed)
        self.skips_known.assign(float(examples.skipped.any()))
        several = self.several = min(self.config.batches_per_step, len(data))
        fewest = self.config.fewest_steps * several
        batch = min(self.config.batch, max(self.config.smallest_batch, len(data) // fewest), len(data) // several)
        batch -= batch % self._workers
        if isinstance(self.table_optimizer, DistinctAdagrad):
            once = several == self._workers == 1
            self.table_optimizer.distinct = ("track_embedding", "artist_embedding") if once else ()

        def share_of(part: tuple[int, int]) -> tf.data.Dataset:
            ordered = batches(data, batch, near=near, random_share=share, seed=seed, part=part)
            return ordered.batch(several, drop_remainder=True) if several > 1 else ordered

        def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
            return share_of((context.input_pipeline_id, context.num_input_pipelines)).repeat()

        spread = self.distribute_strategy.distribute_datasets_from_function
        return (share_of((0, 1)) if self._workers == 1 else spread(of_worker)), len(data) // (batch * several)

    @property
    def _workers(self) -> int:
        return int(self.distribute_strategy.num_replicas_in_sync)

    def _begin(self, heard: HeardPairs, seed: int) -> None:
        """Go on from the tables as they were trained; the first time, from where they are to begin."""
        config, first = self.config, self.heard is None
        self.heard = heard
        self.train_function = None  # `heard` is part of the traced step
        self.id_tables.resume()
        if first and config.spectral_start:
            self.id_tables.begin_at_spectrum(heard, seed=seed)
        if config.smoothing_rounds:
            self.id_tables.meet(
                heard, rounds=config.smoothing_rounds, receiver=config.smoothing_receiver, sender=config.smoothing_sender
            )

    def _require_finite(self, losses: list[float]) -> None:
        weights = all(bool(tf.reduce_all(tf.math.is_finite(variable))) for variable in self.trainable_variables)
        if not weights or not np.isfinite(losses).all():
            raise SegueError(
                expected="a retriever whose loss and weights stay finite",
                received=f"losses {', '.join(f'{loss:.4g}' for loss in losses)}",
                mend="lower the learning rates in RetrieverConfig, or look for absurd values in the features of this day",
            )


class _AfterPass(tf.keras.callbacks.Callback):
    """Tells a caller the mean loss of each pass, and stops when it says so."""

    def __init__(self, tell: Callable[[int, float], bool] | None) -> None:
        super().__init__()
        self.tell = tell

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self.tell and not self.tell(epoch + 1, float((logs or {}).get("loss", np.nan))):
            self.model.stop_training = True


def save_towers(retriever: Retriever, folder: Path) -> None:
    """Write `query_tower/` and `track_tower/` as SavedModels."""
    tf.saved_model.save(retriever.query, str(folder / "query_tower"))
    tf.saved_model.save(retriever.track, str(folder / "track_tower"))
