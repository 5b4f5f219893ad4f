"""An event as a client sends it."""

EVENT = {
    "event_id": "e1",
    "event_type": "play",
    "user_id": "u00001",
    "track_id": "t00001",
    "occurred_at": "2026-11-16T10:00:00+02:00",
    "ms_played": 1_000,
}
