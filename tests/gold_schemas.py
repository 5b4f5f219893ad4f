"""Column names and Arrow types of the gold tables, as `infra/decisions/0001-gold-tables.md` fixes them."""

from __future__ import annotations

import pyarrow as pa

from segue.names import Table

_STR, _INT, _FLOAT, _BOOL, _DAY = pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.date32()
_TIME = pa.timestamp("us", tz="UTC")
_STRS, _FLOATS, _INTS = pa.list_(pa.string()), pa.list_(pa.float64()), pa.list_(pa.int64())

SCHEMAS: dict[Table, pa.Schema] = {
    Table.USER_FEATURES: pa.schema(
        {
            "user_id": _STR,
            "event_timestamp": _TIME,
            "territory": _STR,
            "explicit_allowed": _BOOL,
            "plays_7d": _INT,
            "plays_30d": _INT,
            "active_days_30d": _INT,
            "distinct_artists_30d": _INT,
            "early_skip_rate_7d": _FLOAT,
            "early_skip_rate_30d": _FLOAT,
            "save_rate_30d": _FLOAT,
            "mean_tempo_30d": _FLOAT,
            "mean_energy_30d": _FLOAT,
            "days_since_last_play": _INT,
            "top_genres": _STRS,
            "top_genre_shares": _FLOATS,
            "top_artists": _STRS,
            "top_artist_shares": _FLOATS,
            "hour_shares": _FLOATS,
            "top_device": _STR,
            "recent_tracks": _STRS,
            "recent_outcomes": _INTS,
        }
    ),
    Table.USER_HISTORY: pa.schema(
        {
            "user_id": _STR,
            "event_timestamp": _TIME,
            "heard_tracks": _STRS,
            "saved_tracks": _STRS,
            "disliked_tracks": _STRS,
            "disliked_artists": _STRS,
            "heard_60d": _INT,
            "adventurousness": _FLOAT,
        }
    ),
    Table.TRACK_FEATURES: pa.schema(
        {
            "track_id": _STR,
            "event_timestamp": _TIME,
            "artist_id": _STR,
            "genre": _STR,
            "tempo": _FLOAT,
            "energy": _FLOAT,
            "duration_s": _FLOAT,
            "explicit": _BOOL,
            "age_days": _INT,
            "plays_7d": _INT,
            "plays_30d": _INT,
            "users_30d": _INT,
            "complete_rate_30d": _FLOAT,
            "early_skip_rate_30d": _FLOAT,
            "save_rate_30d": _FLOAT,
        }
    ),
    Table.TRACK_TERRITORY_FEATURES: pa.schema(
        {
            "track_id": _STR,
            "territory": _STR,
            "event_timestamp": _TIME,
            "territory_plays_30d": _INT,
            "territory_users_30d": _INT,
            "territory_rank": _INT,
        }
    ),
    Table.TRACKS: pa.schema(
        {
            "track_id": _STR,
            "title": _STR,
            "artist_id": _STR,
            "artist_name": _STR,
            "album_id": _STR,
            "genre": _STR,
            "tempo": _FLOAT,
            "energy": _FLOAT,
            "duration_ms": _INT,
            "explicit": _BOOL,
            "release_date": _DAY,
            "version_family": _STR,
            "version_kind": _STR,
            "label_type": _STR,
            "licensed_everywhere": _BOOL,
            "first_seen_at": _TIME,
        }
    ),
    Table.LICENCES: pa.schema({"track_id": _STR, "territory": _STR, "valid_from": _DAY, "valid_to": _DAY}),
    Table.USERS: pa.schema(
        {
            "user_id": _STR,
            "territory": _STR,
            "signup_date": _DAY,
            "explicit_allowed": _BOOL,
            "adventurousness": _FLOAT,
            "first_seen_at": _TIME,
        }
    ),
    Table.LABELS: pa.schema(
        {
            "listen_id": _STR,
            "user_id": _STR,
            "track_id": _STR,
            "event_timestamp": _TIME,
            "session_id": _STR,
            "territory": _STR,
            "device": _STR,
            "surface": _STR,
            "outcome": _STR,
            "saved": _BOOL,
            "weight": _FLOAT,
            "integrity": _FLOAT,
            "first_listen": _BOOL,
        }
    ),
    Table.USER_PLAYLISTS: pa.schema(
        {"playlist_id": _STR, "user_id": _STR, "track_id": _STR, "added_at": _TIME, "found_on": pa.date32()}
    ),
    Table.REJECTED_LISTENS: pa.schema({"source": _STR, "landed_file": _STR, "row_text": _STR, "reason": _STR}),
}
