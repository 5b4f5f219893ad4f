"""A day of a bot among listeners, and what they put on playlists."""

from __future__ import annotations

from typing import Any

from mart_homes import day, event


def _named(name: str, user: str, track: str, at: str, **more: Any) -> dict[str, Any]:
    return event(0, user, track, at, **more) | {"event_id": name}


def add(user: str, playlist: str, track: str, number: int) -> dict[str, Any]:
    """A track put on a playlist on day `number`."""
    told = _named(f"{playlist}-{track}-{user}", user, track, f"{day(number)}T20:00:00Z", playlist_id=playlist)
    return told | {"event_type": "playlist_add"}


def plays_of_a_bot(user: str, number: int) -> list[dict[str, Any]]:
    """Two hundred plays of one track around the clock of day `number`."""
    times = [f"{day(number)}T{n // 9:02d}:{n % 9 * 6:02d}:00Z" for n in range(200)]
    return [_named(f"{user}-{number}-{n}", user, "pushed", at, ms_played=180_000) for n, at in enumerate(times)]


CATALOGUE = [{"track_id": name, "artist_id": "a", "duration_ms": 180_000} for name in ("pushed", "loved")]
LISTENS = [_named(f"{n}{track}", f"f{n}", track, f"{day(0)}T10:{30 * m:02d}:00Z", ms_played=180_000)
           for n in range(3) for m, track in enumerate(("pushed", "loved"))][:-2]  # fmt: skip
ADDS = [
    add("bot", "of-a-bot", "pushed", 0),
    add("f0", "of-a-listener", "loved", 0),
    add("f0", "of-both", "loved", 0),
    add("bot", "of-both", "loved", 0),
    add("bot", "of-both", "pushed", 0),
    add("silent", "of-a-script", "pushed", 0),
]
FARM = [*plays_of_a_bot("bot", 0), *LISTENS, *ADDS]


def crowd(number: int, *, first: int, accounts: int, own: int) -> list[dict[str, Any]]:
    """Accounts that play `pushed` on day `number` once, and `own` tracks that nobody else plays."""
    tracks = [(f"c{account}", track) for account in range(first, first + accounts)
              for track in ("pushed", *(f"own-{account}-{n}" for n in range(own)))]  # fmt: skip
    return [_named(f"{user}-{track}", user, track, f"{day(number)}T{9 + n % 7:02d}:00:00Z", ms_played=170_000)
            for n, (user, track) in enumerate(tracks)]  # fmt: skip


def taste(users: int, own: int) -> list[dict[str, Any]]:
    """Listeners of day 0 who share `loved`, and each have tracks of their own."""
    tracks = [(user, n, track) for user in range(users)
              for n, track in enumerate(["loved", *(f"t-{user}-{n}" for n in range(own))])]  # fmt: skip
    return [_named(f"{user}-{track}", f"r{user}", track, f"{day(0)}T{8 + n:02d}:00:00Z", ms_played=170_000)
            for user, n, track in tracks]  # fmt: skip
