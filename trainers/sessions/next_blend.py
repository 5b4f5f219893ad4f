"""Models of sessions whose candidates one order brings together, and how that order is learned and judged: from running
sessions that none of the models has learned from, and never judged by those it learned from itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from segue.errors import SegueError
from trainers.interactions import NOTHING, Floats, Indices
from trainers.sessions.next_order import NEVER, NextOrder, OrderConfig, about_tracks
from trainers.sessions.next_track import NO_PLACE, NextTrack, ranks_of
from trainers.sessions.session_lists import Sessions
from trainers.sessions.shared_sessions import SharedSessions

MODEL, SESSION_KNN, ITEM_KNN, RULES = "session model", "session-kNN", "item-kNN", "sequential rules"
ROWS_AT_ONCE, SCORES_AT_ONCE = 250, 15_000_000
"""Most prefixes, and scores of one model, that are held at once."""
FOLDS = 3


@dataclass(frozen=True)
class Lists:
    """Candidates of p prefixes as the order sees them: `there` (p, c), numbers (p, c, f), the logits they begin at (p, c),
    and the column of the answer (p,), -1 where it is none of them."""

    there: Indices
    numbers: Floats
    start: Floats
    answer: Indices

    def some(self, kept: Indices) -> Lists:
        """Those of the prefixes `kept`."""
        return Lists(self.there[kept], self.numbers[kept], self.start[kept], self.answer[kept])


@dataclass(frozen=True)
class Asked:
    """What an order is called with: tracks (n, l), each model's probabilities (n, tracks), the counts of shared sessions."""

    tracks: Indices
    scores: list[Floats]
    shared: list[Floats]

    def tensors(self) -> tuple[Any, ...]:
        """The arguments of a `NextOrder`."""
        return tf.constant(self.tracks), [tf.constant(of) for of in self.scores], [tf.constant(of) for of in self.shared]


def asked(
    models: Mapping[str, NextTrack], shared: SharedSessions, prefixes: Sessions, length: int
) -> Iterator[tuple[slice, Asked]]:
    """Some of the prefixes at a time: where they stand, and what the models say of their last `length` tracks."""
    rows = min(ROWS_AT_ONCE, max(1, SCORES_AT_ONCE // shared.counts.shape[1]))
    for at in range(0, len(prefixes), rows):
        some = prefixes.some(at, at + rows)
        tracks = some.padded(length)
        yield slice(at, at + len(some)), Asked(tracks, [of.scores(some) for of in models.values()], shared.with_ends(tracks))


@dataclass(frozen=True)
class Learned:
    """An order, and the places (p,) the answers of the prefixes it learned from have: by each model, and by all together in an
    order that was taught other prefixes."""

    order: NextOrder
    by_model: dict[str, Indices]
    together: Indices


def learned_order(
    models: Mapping[str, NextTrack],
    sessions: Sessions,
    prefixes: Sessions,
    answers: Indices,
    n_tracks: int,
    config: OrderConfig,
    *,
    seed: int,
) -> Learned:
    """The order of the candidates of `models`, which learned from `sessions`, taught by prefixes with their answers (p,) in
    the order of the file, that folds be of whole sessions but for those at their edges.

    Raises:
        SegueError: as `taught`.
    """
    about = about_tracks(sessions, n_tracks)
    order, shared = NextOrder(config, about), SharedSessions().fit(sessions, n_tracks)
    by_model: dict[str, list[Indices]] = {name: [] for name in models}
    parts = []
    for where, some in asked(models, shared, prefixes, config.length):
        parts.append(_lists(order, some, answers[where]))
        for found, of in zip(by_model.values(), some.scores, strict=True):
            found.append(ranks_of(of, answers[where]))
    lists = Lists(*(np.concatenate(part) for part in zip(*(vars(part).values() for part in parts), strict=True)))
    together = np.empty(len(answers), np.int64)
    fold = np.arange(len(answers)) * FOLDS // len(answers)
    for number in range(FOLDS):
        others = taught(config, about, lists.some(np.flatnonzero(fold != number)), seed=seed)
        together[fold == number] = places_of(others, lists.some(np.flatnonzero(fold == number)))
    named = {name: np.concatenate(found) for name, found in by_model.items()}
    return Learned(taught(config, about, lists, seed=seed), named, together)


def _lists(order: NextOrder, some: Asked, answers: Indices) -> Lists:
    rows = order.rows(*some.tensors())
    there = rows.there.numpy()
    right = there & (rows.candidates.numpy() == answers[:, None])
    return Lists(there, rows.numbers.numpy(), rows.start.numpy(), np.where(right.any(axis=1), right.argmax(axis=1), NOTHING))


def taught(config: OrderConfig, about: Floats, lists: Lists, *, seed: int) -> NextOrder:
    """An order taught the lists that have their answer among the candidates; none leave it where it begins.

    Raises:
        SegueError: its loss or a weight became infinite or no number.
    """
    tf.keras.utils.set_random_seed(seed)
    order, known = NextOrder(config, about), np.flatnonzero(lists.answer >= 0)
    if not len(known):
        return order
    order.scale(lists.numbers[lists.there])
    adam, rng = tf.keras.optimizers.legacy.Adam(config.rate), np.random.default_rng(seed)
    step, losses = _step(order, adam), []
    for done in range(config.passes):
        adam.learning_rate = config.rate * max(1 - done / config.passes, 0.1)
        for kept in np.array_split(rng.permutation(known), max(1, len(known) // config.batch)):
            some = lists.some(kept)
            losses.append(float(step(some.there, some.numbers, some.start, some.answer)))
    _require_finite(order, losses)
    return order


def _require_finite(order: NextOrder, losses: list[float]) -> None:
    weights = all(np.isfinite(variable.numpy()).all() for variable in order.trainable_variables)
    if not weights or not np.isfinite(losses).all():
        raise SegueError(
            expected="an order of next tracks whose loss and weights stay finite",
            received=f"a loss of {losses[-1]:.4g} in the last step and weights that are {'' if weights else 'not '}finite",
            mend="lower OrderConfig.rate",
        )


def _step(order: NextOrder, adam: tf.keras.optimizers.Optimizer) -> Callable[..., tf.Tensor]:
    @tf.function(reduce_retracing=True)
    def step(there: tf.Tensor, numbers: tf.Tensor, start: tf.Tensor, answer: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = tf.where(there, order.logits(numbers, start), NEVER)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(answer, logits))
        adam.apply_gradients(zip(tape.gradient(loss, order.trainable_variables), order.trainable_variables, strict=True))
        return loss

    return step


def places_of(order: NextOrder, lists: Lists) -> Indices:
    """The place (p,) from 1 of each answer; far beyond any k where it is no candidate, or its logit is no number. What has
    none stands before every answer: an order that knows nothing must not look perfect."""
    places = [np.empty(0, np.int64)]
    for at in range(0, len(lists.answer), ROWS_AT_ONCE):
        some = lists.some(np.arange(at, min(at + ROWS_AT_ONCE, len(lists.answer))))
        values = np.where(some.there, order.logits(tf.constant(some.numbers), tf.constant(some.start)).numpy(), -np.inf)
        own = np.take_along_axis(values, np.maximum(some.answer, 0)[:, None], axis=1)
        known = (some.answer >= 0) & ~np.isnan(own[:, 0])
        places.append(np.where(known, 1 + (~(values <= own)).sum(axis=1), NO_PLACE))
    return np.concatenate(places)
