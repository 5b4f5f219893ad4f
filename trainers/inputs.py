"""The feature columns each model reads, as tensor specs. Names are those of the gold tables; nothing is computed here."""

from __future__ import annotations

from segue.tensors import TensorSpec
from trainers.layers.numbers import NumberSpec

RECENT, ARTISTS, GENRES, HOURS = 50, 20, 8, 24

USER_NUMBERS = (
    NumberSpec("plays_7d", log=True),
    NumberSpec("plays_30d", log=True),
    NumberSpec("active_days_30d"),
    NumberSpec("distinct_artists_30d", log=True),
    NumberSpec("early_skip_rate_7d"),
    NumberSpec("early_skip_rate_30d"),
    NumberSpec("save_rate_30d"),
    NumberSpec("mean_tempo_30d"),
    NumberSpec("mean_energy_30d"),
    NumberSpec("days_since_last_play", log=True),
)
TRACK_NUMBERS = (
    NumberSpec("tempo"),
    NumberSpec("energy"),
    NumberSpec("duration_s", log=True),
    NumberSpec("explicit"),
    NumberSpec("age_days", log=True),
    NumberSpec("track_plays_7d", log=True),
    NumberSpec("track_plays_30d", log=True),
    NumberSpec("users_30d", log=True),
    NumberSpec("complete_rate_30d"),
    NumberSpec("track_early_skip_rate_30d"),
    NumberSpec("track_save_rate_30d"),
)
_PROFILE = (
    TensorSpec("top_genres", "string", GENRES),
    TensorSpec("top_genre_shares", "float", GENRES),
    TensorSpec("top_artists", "string", ARTISTS),
    TensorSpec("top_artist_shares", "float", ARTISTS),
    TensorSpec("recent_tracks", "string", RECENT),
)
CONTEXT = (
    TensorSpec("device", "string"),
    TensorSpec("hour_of_day", "int"),
    TensorSpec("day_of_week", "int"),
)
"""The moment of a request; a weekly playlist has none."""

USER_STATE = (
    TensorSpec("user_id", "string"),
    TensorSpec("territory", "string"),
    TensorSpec("top_device", "string"),
    *(TensorSpec(spec.name, "float") for spec in USER_NUMBERS),
    *_PROFILE,
    TensorSpec("hour_shares", "float", HOURS),
)
QUERY = (*USER_STATE, *CONTEXT)
TRACK = (
    TensorSpec("track_id", "string"),
    TensorSpec("artist_id", "string"),
    TensorSpec("genre", "string"),
    *(TensorSpec(spec.name, "float") for spec in TRACK_NUMBERS),
)
RANKER_USERS = (
    TensorSpec("territory", "string"),
    *(TensorSpec(spec.name, "float") for spec in USER_NUMBERS),
    *_PROFILE,
)
RANKER_TRACKS = TRACK


def signature(specs: tuple[TensorSpec, ...]) -> dict[str, object]:
    """TensorFlow's shapes and types of a dictionary of such tensors."""
    import tensorflow as tf

    types = {"float": tf.float32, "int": tf.int64, "string": tf.string}
    return {
        spec.name: tf.TensorSpec([None] if spec.length is None else [None, spec.length], types[spec.kind], name=spec.name)
        for spec in specs
    }
