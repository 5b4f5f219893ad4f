"""ListenBrainz listens dump: one JSON document per line, `listened_at` in seconds since 1970 (`timestamp` in old dumps).

The format: https://listenbrainz.readthedocs.io/en/latest/users/listenbrainz-dumps.html
"""

from __future__ import annotations

from infra.landing.text_format import TextFormat, json_field, microseconds_of_seconds

FORMAT = TextFormat(
    kind="events",
    suffix=".jsonl",
    microseconds=microseconds_of_seconds(f"coalesce({json_field('listened_at')}, {json_field('timestamp')})"),
    described="JSON Lines with listened_at, in seconds since 1970, beside user_id or user_name and track_metadata",
)
