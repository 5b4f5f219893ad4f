"""Hand-written landing: listening whose gold tables can be worked out on paper, and every way a row can be bad."""

from __future__ import annotations

from typing import Any

from mart_homes import day, event, land_lines

from segue.home import Home
from segue.names import Source

AS_OF = day(32)
NOON = f"{day(2)}T12:00:00Z"

CATALOGUE = [
    {"track_id": "t1", "artist_id": "a1", "genre": "rock", "tempo": 100.0, "energy": 0.5, "duration_ms": 200_000},
    {"track_id": "t2", "artist_id": "a1", "genre": "rock", "tempo": 120.0, "energy": 0.9, "duration_ms": 40_000},
    {"track_id": "t3", "artist_id": "a2", "genre": "jazz", "licences": [{"territory": "US", "valid_from": "2020-01-01"}]},
    {"track_id": "t4", "artist_id": "a3", "release_date": str(day(3)), "licences": []},
    {"track_id": "nobodys"},
]
ACCOUNTS = [{"user_id": "u1", "territory": "US", "signup_date": "2026-01-01", "explicit_allowed": False}]


def _at(clock: str, number: int = 0) -> str:
    return f"{day(number)}T{clock}Z"


LISTENING = [
    event(1, "u1", "t1", _at("10:00:00"), ms_played=200_000, device="phone", territory="US"),
    event(2, "u1", "t2", _at("10:05:00"), ms_played=15_000, device="phone", territory="US"),
    event(3, "u1", "t1", _at("10:10:00"), ms_played=100_000, device="car", territory="US"),
    event(4, "u1", "t1", _at("10:12:00")) | {"event_type": "save"},
    event(5, "u1", "t3", _at("10:50:00"), device="phone", territory="US"),
    event(6, "u1", "t2", _at("10:51:00"), playlist_id="p1") | {"event_type": "playlist_add"},
    event(7, "u1", "t2", _at("10:52:00")) | {"event_type": "dislike"},
    event(10, "u1", "t3", _at("10:53:00")) | {"event_type": "dislike_artist"},
    event(14, "u3", "t4", _at("10:54:00")) | {"event_type": "dislike_artist"},
    event(15, "u3", "t3", _at("10:55:00")) | {"event_type": "dislike_artist"},
    event(16, "u3", "nobodys", _at("10:56:00")) | {"event_type": "dislike_artist"},
]
LAST_LISTEN = [event(8, "u2", "t1", _at("23:59:59.999999", 32), ms_played=1, territory="us")]

BAD: list[tuple[str, Any]] = [
    ("malformed_json", '{"event_id": "b1", '),
    ("malformed_json", "[1, 2]"),
    ("missing_event_id", event(1, "u1", "t1", NOON) | {"event_id": None}),
    ("missing_user_id", event(102, "", "t1", NOON)),
    ("missing_track_id", {"event_id": "b3", "event_type": "play", "user_id": "u1", "occurred_at": NOON}),
    ("missing_time", {"event_id": "b4", "event_type": "play", "user_id": "u1", "track_id": "t1"}),
    ("unparsable_time", event(105, "u1", "t1", "yesterday")),
    ("unparsable_number", event(106, "u1", "t1", NOON, ms_played="long")),
    ("malformed_id", event(107, "u 1", "t1", NOON)),
    ("unknown_event_type", event(108, "u1", "t1", NOON) | {"event_type": "plya"}),
    ("missing_playlist_id", event(114, "u1", "t1", NOON) | {"event_type": "playlist_add"}),
    ("impossible_time", event(109, "u1", "t1", "1970-01-01T00:00:00Z")),
    ("future_time", event(110, "u1", "t1", f"{day(40)}T12:00:00Z")),
    ("future_time", event(111, "u1", "t1", NOON, received_at=f"{day(2)}T11:00:00Z")),
    ("impossible_ms_played", event(112, "u1", "t1", NOON, ms_played=-5)),
    ("unknown_track", event(113, "u1", "t999", NOON)),
    ("duplicate", event(1, "u1", "t1", _at("10:00:00"), ms_played=200_000)),
]
"""The reason, and the line that has to be rejected for it; all arrive on day 2."""

CONTROL_BYTES = ['{"event_id": "b\x01"}', '{"event_id": "b\r"}', '{"event_id": \x01']

LASTFM = [
    "user_000001\t{at}\tmb-artist\tDeep Dish\tmb-track\tFuck Me Im Famous",
    "user_000001\t{at}\t\t坂本龍一\t\tComposition 0919",
    "user_000001\t{at}\t\t\t\t",
    "user_000001\tsoon\t\tA\t\tB",
]
LISTENBRAINZ = [
    {"user_name": "rob", "listened_at": 1_790_330_400, "track_metadata": {"artist_name": "Low", "track_name": "Monkey"}},
    {"user_id": 7, "timestamp": 1_790_330_400, "track_metadata": {"mbid_mapping": {"recording_mbid": "mb-1"}}},
]


def land_by_hand(made: Home) -> None:
    """Every source and every bad row, arriving from day 0 to the as-of day."""
    land_lines(made, "a.jsonl", day(0), CATALOGUE, kind="tracks")
    land_lines(made, "a.jsonl", day(0), ACCOUNTS, kind="users")
    land_lines(made, "a.jsonl", day(0), LISTENING)
    land_lines(made, "bad.jsonl", day(2), [line for _, line in BAD])
    land_lines(made, "bytes.jsonl", day(10), [*CONTROL_BYTES, event(9, "u9", "t4", _at("12:00:00", 10))])
    (made.landing_day("events", "events", day(2)) / "torn.parquet").write_bytes(b"PAR1 not really")
    land_lines(made, "a.jsonl", AS_OF, LAST_LISTEN)
    rows = [f"5\t1\t77\t1790157600\t{artist}" for artist in (900, 900)] + ["5\t1\t78\t1790157700\t901", "torn"]
    land_lines(made, "plays.tsv", day(2), rows, source=Source.THIRTY_MUSIC)
    land_lines(made, "plays.tsv", day(2), [row.format(at=NOON) for row in LASTFM], source=Source.LASTFM_1K)
    land_lines(made, "dump.jsonl", day(4), LISTENBRAINZ, source=Source.LISTENBRAINZ)
