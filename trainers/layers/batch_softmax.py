"""The softmax of a batch: the track of each listen against all candidates that may be its negatives, with logQ correction.

What `tfrs.tasks.Retrieval` computes with a temperature, sampling probabilities, a score mask and a sparse label, and the
gradient of it, written out: the scores of a batch are its largest tensors, and here six operations walk over them instead of
some twenty. Corrections ride along in the product as one more dimension, the loss of a listen is counted from its own score,
so that no maximum is needed, and its gradient is scaled by row in the vectors, not in the scores.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from trainers.layers.heard import HeardPairs, marked, where_asked

LEAST_PROBABILITY = 1e-6
"""As in `tfrs.layers.loss.SamplingProbablityCorrection`."""

LARGEST_EXPONENT = 80.0


def may_be_negative(users: tf.Tensor, tracks: tf.Tensor, heard: HeardPairs | None) -> tf.Tensor:
    """Ones (b, c) where one of tracks (c,) may be a negative of one of users (b,), whose own are the first; else zeros.

    Their own track is none, nor is the same track once more (an accidental hit), nor one the user has heard.
    """
    batch = tf.size(users)
    if heard is None:
        places = where_asked(tf.range(batch), tracks[:batch], tracks, tf.reduce_max(tracks) + 1)
    else:
        places = heard.places(users, tracks, own=tracks[:batch])
    return marked(places, (batch, tf.size(tracks)), marks=(0.0, 1.0))


def batch_softmax(
    query: tf.Tensor, candidates: tf.Tensor, negative: tf.Tensor, log_probability: tf.Tensor | None, *, temperature: float
) -> tf.Tensor:
    """Losses (b,) of `query` (b, d), the first b of `candidates` (c, d) being theirs.

    Args:
        negative: ones and zeros (b, c), see `may_be_negative`; whatever it says of a listen's own track, that counts once.
        log_probability: of each candidate to be in the batch (c,); None leaves the correction out.
    """
    if log_probability is None:
        offsets = tf.zeros(tf.shape(candidates)[0])
    else:
        offsets = -tf.maximum(tf.minimum(log_probability, 0.0), tf.math.log(LEAST_PROBABILITY))
    return _losses(query / temperature, candidates, tf.stop_gradient(negative), tf.stop_gradient(offsets))


@tf.custom_gradient
def _losses(query: tf.Tensor, candidates: tf.Tensor, negative: tf.Tensor, offsets: tf.Tensor) -> tuple[tf.Tensor, Any]:
    """Losses (b,) of scores `query` @ `candidates` + `offsets`: log(1 + the sum of exp(score - own score) over negatives)."""
    batch = tf.shape(query)[0]
    own = candidates[:batch]
    base = tf.reduce_sum(query * own, axis=1) + offsets[:batch]
    left = tf.concat([query, tf.ones((batch, 1)), -base[:, None]], axis=1)
    right = tf.concat([candidates, offsets[:, None], tf.ones_like(offsets)[:, None]], axis=1)
    ahead = tf.matmul(left, right, transpose_b=True)
    likely = tf.exp(tf.minimum(ahead, LARGEST_EXPONENT)) * negative
    others = tf.reduce_sum(likely, axis=1)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, None, None]:
        by_row = (upstream / (1.0 + others))[:, None]
        from_own = by_row * others[:, None]
        to_query = by_row * tf.matmul(likely, candidates) - from_own * own
        # The scores as the right factor: as the left one, turned, they take half as long again.
        to_candidates = tf.transpose(tf.matmul(by_row * query, likely, transpose_a=True))
        to_own = tf.pad(from_own * query, [[0, tf.shape(candidates)[0] - batch], [0, 0]])
        return to_query, to_candidates - to_own, None, None

    return tf.math.log1p(others), gradient
