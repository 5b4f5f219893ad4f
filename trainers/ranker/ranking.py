"""Training of the ranker's network: its losses over lists. The network itself is `trainers.ranker.network`, the lists are
`trainers.ranker.lists`. Features are Feast's point-in-time joins, once per user and once per track.

Where a track was shown is a term of its own for each place, added to the first head in training and left out when serving
(Guo et al. 2019, "PAL: a position-bias aware learning framework for CTR prediction"): what a listener played because it
stood first is then not put down to the track.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_recommenders as tfrs

from segue.errors import SegueError
from trainers.examples import Catalogue
from trainers.inputs import RANKER_TRACKS, RANKER_USERS, TRACK_NUMBERS, USER_NUMBERS, arrays, constants, matrix
from trainers.ranker.inputs import AUDIO, RankerInputs
from trainers.ranker.lists import MARKS, PLAY_MARKS, Lists
from trainers.ranker.network import HEADS, NetworkShape, RankerNetwork

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float32]
RankerKind = Literal["network", "lambdarank", "both"]
Marks = npt.NDArray[np.bool_]
CALIBRATED_LISTS = 500
"""Lists that say how likely a success is: it is one number, and settles long before all of them are asked."""
PLACES = 30
"""Places in a list that are told apart; the ones after count as the last."""


@dataclass(frozen=True)
class RankerConfig:
    """Hyperparameters. `candidates` are the retriever's best per user, `users` the most lists; `lists` of them make a batch.

    `kind` chooses the model: network, trees that learn the order only (LightGBM's LambdaRank), or both. `list_weight` weighs
    the listwise loss, which orders, against the pointwise ones, which calibrate. `edge_weight` is what an early skip at the
    edge of a session weighs, beside 1 for another play.
    """

    kind: RankerKind = "both"
    candidates: int = 500
    users: int = 6_000
    hidden: int = 64
    taste: int = 16
    crosses: int = 2
    cross_rank: int = 16
    lists: int = 32
    epochs: int = 16
    rate: float = 1e-3
    list_weight: float = 1.0
    edge_weight: float = 0.5

    @property
    def shape(self) -> NetworkShape:
        """The widths of the network."""
        return NetworkShape(self.hidden, self.taste, self.crosses, self.cross_rank)


class Ranker(tfrs.Model):
    """The losses around a `RankerNetwork`: binary cross-entropy per head, and softmax over each list for the first."""

    def __init__(self, network: RankerNetwork, config: RankerConfig, *, heads_known: tuple[bool, bool]) -> None:
        super().__init__()
        self.network, self.config = network, config
        self.heads_known = heads_known
        self.place_terms = tf.Variable(tf.zeros(PLACES), name="place_terms")
        self.mean_loss = tf.keras.metrics.Mean(name="loss")
        self.tasks = [tfrs.tasks.Ranking(loss=tf.keras.losses.BinaryCrossentropy(from_logits=True)) for _ in HEADS]
        self.compile(optimizer=tf.keras.optimizers.legacy.Adam(config.rate))
        self.beginning = [variable.numpy() for variable in self._remembered()]

    def compute_loss(self, inputs: dict[str, Any], training: bool = False) -> tf.Tensor:
        """Sum of the losses of one batch of lists."""
        del training  # nothing is dropped
        users, tracks = self._halves(inputs)
        logits = self.network.logits(users, tracks, inputs["territory"], inputs["scores"])
        first = logits[..., 0] + self._shown(inputs["place"])
        predictions = tf.concat([first[..., None], logits[..., 1:]], axis=2)
        labels = [inputs["success"], *(tf.cast(inputs[name], tf.float32) for name in ("skipped", "saved"))]
        played, retrieved = (tf.cast(inputs[name], tf.float32) for name in ("played", "retrieved"))
        listed = tf.maximum(retrieved, tf.cast(inputs["place"] > 0, tf.float32))
        skips, saves = (float(known) for known in self.heads_known)
        weights = [listed, played * inputs["certainty"] * skips, played * saves]
        losses = [
            task(labels=label[..., None], predictions=predictions[..., i, None], sample_weight=_share(weight))
            for i, (task, label, weight) in enumerate(zip(self.tasks, labels, weights, strict=True))
        ]
        loss = tf.add_n(losses) + self.config.list_weight * _listwise(first, inputs["success"] * retrieved, retrieved)
        self.mean_loss.update_state(loss)
        return loss

    def _shown(self, place: tf.Tensor) -> tf.Tensor:
        """What it adds to the first logit that a track was shown at `place` (n, c); nothing where it was not."""
        terms = tf.gather(self.place_terms, tf.clip_by_value(place, 1, PLACES) - 1)
        return tf.where(place > 0, terms, 0.0)

    def train_step(self, inputs: dict[str, Any]) -> dict[str, tf.Tensor]:
        """One step; the loss shown is the mean of the epoch so far."""
        super().train_step(inputs)
        return {"loss": self.mean_loss.result()}

    @property
    def metrics(self) -> list[tf.keras.metrics.Metric]:
        """What Keras resets after each epoch."""
        return [self.mean_loss]

    def fit_lists(self, lists: Lists, catalogue: Catalogue, *, seed: int) -> list[float]:
        """Train; the mean loss of each epoch.

        Raises:
            SegueError: the loss became infinite or no number.
        """
        n = len(lists.users)
        rows = tf.data.Dataset.range(n).shuffle(n, seed=seed).batch(min(self.config.lists, n), drop_remainder=True)
        batches = rows.map(self._gather(lists, catalogue), num_parallel_calls=1).prefetch(2)
        history = self.fit(batches, epochs=self.config.epochs, verbose=0)
        losses = [float(loss) for loss in history.history["loss"]]
        if not np.isfinite(losses).all() or not all(np.isfinite(v.numpy()).all() for v in self.network.trainable_variables):
            raise SegueError(
                expected="a ranker whose loss and weights stay finite",
                received=f"losses {', '.join(f'{loss:.4g}' for loss in losses)}",
                mend="lower RankerConfig.rate, or look for absurd values in the features of this day",
            )
        return losses

    def learned_without(self, apart: Marks, lists: Lists, catalogue: Catalogue, *, seed: int) -> Floats:
        """Begin again on the lists that `apart` (n,) does not mark; what the first head then adds (w, c) on the others."""
        self.begin_again()
        self.fit_lists(lists.some(~apart), catalogue, seed=seed)
        return self.added(lists.some(apart), catalogue)

    def believe(self, weight: float, lists: Lists, catalogue: Catalogue, starts: Floats) -> None:
        """Let the first head add to the start (n, c) of the lists with `weight`, and still say how likely a success is."""
        some = slice(CALIBRATED_LISTS)
        added = self.added(lists.some(np.arange(len(starts))[some]), catalogue)
        listed = lists.listed[some]
        logits = (starts[some] + weight * added)[listed]
        self.network.weight.assign(weight)
        self.network.level.assign(level(logits, float(lists.success[some][listed].mean())))

    def added(self, lists: Lists, catalogue: Catalogue) -> Floats:
        """What the first head adds (n, c) to where the network began."""
        gather, parts = self._gather(lists, catalogue), []
        for at in range(0, len(lists.users), self.config.lists):
            inputs = gather(tf.range(at, min(at + self.config.lists, len(lists.users))))
            users, tracks = self._halves(inputs)
            heads, _ = self.network.parts(users, tracks, inputs["territory"], inputs["scores"])
            parts.append(heads[..., 0].numpy())
        return np.concatenate(parts)

    def begin_again(self) -> None:
        """Forget what was learned: every weight and the optimizer's memory as they were before the first list."""
        for variable, value in zip(self._remembered(), self.beginning, strict=False):
            variable.assign(value)
        for variable in self._remembered()[len(self.beginning) :]:
            variable.assign(tf.zeros_like(variable))

    def _remembered(self) -> list[tf.Variable]:
        return [*self.network.trainable_variables, self.place_terms, *self.optimizer.variables()]

    def _halves(self, inputs: dict[str, Any]) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        tracks = self.network.track_half(_in_one_row(inputs["tracks"]))
        return self.network.user_half(inputs["users"]), _per_list(tracks, tf.shape(inputs["scores"]))

    def _gather(self, lists: Lists, catalogue: Catalogue) -> Callable[[tf.Tensor], dict[str, Any]]:
        """What makes the inputs of a step from row numbers of `lists`."""
        users = self.network.inputs.read_users(constants(arrays(lists.users, RANKER_USERS)))
        tracks = self.network.inputs.read_tracks(constants(arrays(catalogue.frame, RANKER_TRACKS)))
        popularity = tf.constant(catalogue.popularity)
        names = ("candidates", "scores", "place", *MARKS, *PLAY_MARKS)
        whole = {name: tf.constant(getattr(lists, name)) for name in names}

        def gather(rows: tf.Tensor) -> dict[str, Any]:
            some = {name: tf.gather(values, rows) for name, values in whole.items()}
            candidates = some.pop("candidates")
            people = {name: tf.gather(values, rows) for name, values in users.items()}
            where = tf.broadcast_to(people["territory"][:, None], tf.shape(candidates))
            return some | {
                "users": people,
                "tracks": {name: tf.gather(values, candidates) for name, values in tracks.items()},
                "territory": tf.gather_nd(popularity, tf.stack([where, candidates], axis=2)),
            }

        return gather


def level(logits: Floats, share: float) -> float:
    """What to add to all of `logits` (n,) so that the mean of their sigmoid is `share`, within 20 of nothing."""
    low, high = -20.0, 20.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if float(np.mean(1 / (1 + np.exp(-logits - middle)))) < share else (low, middle)
    return (low + high) / 2


def adapt(inputs: RankerInputs, users: pd.DataFrame, tracks: pd.DataFrame) -> None:
    """Learn the normalisation of numbers from the users of the lists and the tracks of the catalogue."""
    inputs.user_numbers.adapt(matrix(users, [spec.name for spec in USER_NUMBERS]))
    inputs.track_numbers.adapt(matrix(tracks, [spec.name for spec in TRACK_NUMBERS]))
    inputs.audio.adapt(matrix(tracks, [spec.name for spec in AUDIO]))


def _in_one_row(tensors: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """(n, c, ...) to (n * c, ...)."""
    return {name: tf.reshape(value, tf.concat([[-1], tf.shape(value)[2:]], 0)) for name, value in tensors.items()}


def _per_list(tensors: dict[str, tf.Tensor], shape: tf.Tensor) -> dict[str, tf.Tensor]:
    """(n * c, ...) back to (n, c, ...)."""
    return {name: tf.reshape(value, tf.concat([shape, tf.shape(value)[1:]], 0)) for name, value in tensors.items()}


def _share(weights: tf.Tensor) -> tf.Tensor:
    """`weights` times their number over their sum: a mean over all elements is then a mean over the weighted ones."""
    return (weights * tf.cast(tf.size(weights), tf.float32) / tf.maximum(tf.reduce_sum(weights), 1.0))[..., None]


def _listwise(logits: tf.Tensor, liked: tf.Tensor, listed: tf.Tensor) -> tf.Tensor:
    """Softmax cross-entropy over each list, averaged over the liked tracks (ListNet, Cao et al. 2007)."""
    log_share = tf.nn.log_softmax(tf.where(listed > 0, logits, -1e9), axis=1)
    return -tf.reduce_sum(liked * log_share) / tf.maximum(tf.reduce_sum(liked), 1.0)
