"""30Music (RecSys 2015), sessions extract: tab-separated plays with a header; no skips, saves or territories."""

from __future__ import annotations

from infra.landing.text_format import TextFormat, microseconds_of_seconds, tab_field

FORMAT = TextFormat(
    kind="events",
    suffix=".tsv",
    microseconds=microseconds_of_seconds(tab_field(4)),
    described="rows with seconds since 1970 in the fourth column, Time",
    header="UserId\tSessionId\tItemId\tTime\tArtistId",
)
