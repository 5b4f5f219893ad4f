"""The retriever's loss and the step of its tables as one would write them plainly, for tests that compare."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs

from trainers.layers.heard import HeardPairs
from trainers.retriever.model import Retriever


def plain_softmax(
    query: tf.Tensor,
    candidates: tf.Tensor,
    allowed: tf.Tensor,
    logs: tf.Tensor | None,
    weight: tf.Tensor,
    temperature: float,
) -> tf.Tensor:
    """The summed loss by `tfrs.tasks.Retrieval`; `allowed` booleans (b, c), true on the diagonal."""
    return tfrs.tasks.Retrieval(temperature=temperature)(
        query,
        candidates,
        sample_weight=weight,
        candidate_sampling_probability=None if logs is None else tf.exp(logs),
        score_mask=allowed,
        compute_metrics=False,
    )


def allowed_scores(users: tf.Tensor, tracks: tf.Tensor, heard: HeardPairs | None) -> tf.Tensor:
    """The diagonal, and every track that is not the user's own again and that they have not heard: booleans (b, c)."""
    batch = tf.shape(users)[0]
    allowed = tf.not_equal(tracks[:batch, None], tracks[None, :])
    if heard is not None:
        allowed &= ~heard(users, tracks)
    return tf.linalg.set_diag(allowed, tf.ones(batch, tf.bool))


def plain_loss(retriever: Retriever, inputs: dict[str, Any]) -> tf.Tensor:
    """`Retriever.compute_loss` of a batch without dropout, from the towers' own tables."""
    users, tracks, order = inputs["users"], inputs["tracks"], inputs["order"]
    moment = {name: order[name] for name in ("device", "hour", "weekday") if name in order}
    query, track = retriever.query_tower.embed(users | moment), retriever.track_tower.embed(tracks)
    allowed, weight = allowed_scores(users["user"], tracks["track"], retriever.heard), order["weight"]
    softmax = plain_softmax(query, track, allowed, inputs["log_probability"], weight, retriever.config.temperature)
    logits = retriever.feedback_scale * tf.reduce_sum(query * track[: len(weight)], axis=1) + retriever.feedback_bias
    liked = tf.cast(~order["skipped"], tf.float32)
    feedback = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(liked, logits))
    return softmax / tf.reduce_sum(weight) + retriever.config.skip_weight * retriever.skips_known * feedback
