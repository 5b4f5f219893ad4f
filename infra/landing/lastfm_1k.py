"""Last.fm-1K: tab-separated plays without a header: user, ISO time, artist id, artist, track id, track; ids may be empty."""

from __future__ import annotations

from infra.landing.text_format import TextFormat, microseconds_of_text, tab_field

_SIX_FIELDS = "length(line) - length(replace(line, chr(9), '')) = 5"

FORMAT = TextFormat(
    kind="events",
    suffix=".tsv",
    microseconds=f"case when {_SIX_FIELDS} then {microseconds_of_text(tab_field(2))} end",
    described="rows of six tab-separated columns with an ISO time in the second",
)
