"""Arrow schemas of the event format, built from the contract in `segue/events.py`, for whoever writes landing files."""

from __future__ import annotations

import pyarrow as pa

from segue.events import EVENT_COLUMNS, TRACK_COLUMNS, USER_COLUMNS

LICENCE = pa.struct([("territory", pa.string()), ("valid_from", pa.date32()), ("valid_to", pa.date32())])

_TYPES = {
    str(kind): kind
    for kind in (
        pa.string(),
        pa.int64(),
        pa.float64(),
        pa.bool_(),
        pa.date32(),
        pa.timestamp("us", tz="UTC"),
        pa.list_(pa.field("element", LICENCE)),
    )
}


def _schema(columns: dict[str, str]) -> pa.Schema:
    return pa.schema([(name, _TYPES[kind]) for name, kind in columns.items()])


EVENTS = _schema(EVENT_COLUMNS)
TRACKS = _schema(TRACK_COLUMNS)
USERS = _schema(USER_COLUMNS)
SCHEMAS = {"events": EVENTS, "tracks": TRACKS, "users": USERS}
