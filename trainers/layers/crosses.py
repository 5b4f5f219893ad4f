"""What a user and a candidate have in common, computed inside the ranker from what each half was encoded to."""

from __future__ import annotations

import tensorflow as tf

from segue.codes import FIRST_KNOWN
from segue.ranker.crosses import (
    FEWEST_TRACKS,
    LIKED,
    NEAR_SCALE,
    OWN_TASTE,
    PLAYS_SCALE,
    RANK_SCALE,
    RECEIVED,
    RECENT_SCALE,
    SUCCESS_SCALE,
)

Tensors = dict[str, tf.Tensor]


def crosses(user: Tensors, track: Tensors, territory: tf.Tensor) -> tf.Tensor:
    """Cross features (n, c, `WIDTH`), all within a few units of zero.

    Args:
        user: `artists`, `artist_shares` (n, a), `genres`, `genre_shares` (n, g), `recent_artists` (n, r) in order,
            `audio` (n, 4), `factor` (n, d): where the listener is among the track factors, `liking` (n, d): in which of
            their directions tracks end better for them than for others.
        track: `artist`, `genre` (n, c), `audio` (n, c, 4): tempo and energy, normalised, and an indicator of each missing;
            `artist_tracks` (n, c): how many tracks the artist has; `factor` (n, c, d) and its `length` (n, c); `received`
            (n, c): how far above the usual its listens end.
        territory: plays and rank (n, c, 2) where the user is, NaN where it was not played there.
    """
    distance = tf.abs(user["audio"][:, None, :2] - track["audio"][:, :, :2])
    comparable = (1.0 - user["audio"][:, None, 2:]) * (1.0 - track["audio"][:, :, 2:])
    played = tf.cast(tf.math.is_finite(territory), tf.float32)
    popularity = tf.math.log1p(tf.where(tf.math.is_finite(territory), tf.maximum(territory, 0.0), 0.0))
    recent = count_of(track["artist"], user["recent_artists"])
    shares = [
        share_of(track["artist"], user["artists"], user["artist_shares"]),
        share_of(track["genre"], user["genres"], user["genre_shares"]),
        recent / RECENT_SCALE,
    ]
    # Both directions of a listener in one product: the factors of the candidates are its largest tensor.
    directions = tf.stack([NEAR_SCALE * user["factor"], SUCCESS_SCALE * user["liking"]], axis=2)
    near, liked = tf.unstack(tf.matmul(track["factor"], directions), axis=2)
    parts = [
        tf.stack([tf.sqrt(share) for share in shares], axis=2),
        distance * comparable,
        popularity[:, :, :1] / PLAYS_SCALE,
        (1.0 - popularity[:, :, 1:] / RANK_SCALE) * played[:, :, 1:],
        played[:, :, :1],
        tf.cast(shares[0] > 0, tf.float32)[:, :, None],
        tf.sqrt(recent / tf.maximum(track["artist_tracks"], FEWEST_TRACKS))[:, :, None],
        near[:, :, None],
        tf.cast(recent > 0, tf.float32)[:, :, None],
        (liked / track["length"])[:, :, None],
        SUCCESS_SCALE * track["received"][:, :, None],
    ]
    return tf.concat(parts, axis=2)


def staying(crossed: tf.Tensor) -> tf.Tensor:
    """How far a listener stays with each candidate longer than with the usual track (n, c), from their `crosses` (n, c, ...):
    for what they like, `OWN_TASTE` times, and for how everybody receives it; about a logit."""
    return OWN_TASTE * crossed[..., LIKED] + crossed[..., RECEIVED]


def share_of(candidates: tf.Tensor, names: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
    """The share (n, c) that each of `candidates` (n, c) has among `names` (n, k); 0 for unknown and missing ones."""
    same = tf.cast(candidates[:, :, None] == names[:, None, :], tf.float32)
    known = tf.cast(candidates >= FIRST_KNOWN, tf.float32)
    return tf.einsum("nck,nk->nc", same, shares) * known


def count_of(candidates: tf.Tensor, ordered: tf.Tensor) -> tf.Tensor:
    """How often each of `candidates` (n, c) is among `ordered` (n, k), rising rows; 0 for unknown and missing ones."""
    ends = [tf.searchsorted(ordered, candidates, side=side) for side in ("left", "right")]
    return tf.cast(ends[1] - ends[0], tf.float32) * tf.cast(candidates >= FIRST_KNOWN, tf.float32)
