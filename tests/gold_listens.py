"""Who listens to what on the checkerboard of `gold_tables`: ids, what users and tracks are like, and every listen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from segue.dates import start_of

GENRES = ("ambient", "metal")
TERRITORIES = ("DE", "SE")


class Listen(NamedTuple):
    at: datetime
    user: int
    track: int
    outcome: str
    saved: bool
    first: bool


def user_id(number: int) -> str:
    return f"u{number:05d}"


def track_id(number: int) -> str:
    return f"t{number:05d}"


def listens_of(
    rng: np.random.Generator, users: int, tracks: int, first: date, days: int, away: Mapping[int, tuple[int, int]]
) -> list[Listen]:
    """About four listens per user and active day, in time order."""
    heard: set[tuple[int, int]] = set()
    listens = []
    for day, user in ((d, u) for d in range(days) for u in range(users)):
        start, stop = away.get(user, (days, days))
        if start <= day < stop or (rng.random() < 0.2 and day > 0):
            continue
        begin = start_of(first + timedelta(days=day)) + timedelta(hours=6 + user % 12, seconds=int(rng.integers(3600)))
        for n in range(4):
            other = rng.random() < 0.15
            rank = int(tracks // 2 * rng.random() ** 1.5)
            track = min(2 * rank + ((user + other) % 2), tracks - 1)
            other = track % 2 != user % 2
            if released_on(track, tracks, first + timedelta(days=days - 1)) > first + timedelta(days=day):
                continue
            outcome = "early_skip" if other else "late_skip" if rng.random() < 0.1 else "complete"
            saved = outcome == "complete" and bool(rng.random() < 0.15)
            listens.append(Listen(begin + timedelta(minutes=4 * n), user, track, outcome, saved, (user, track) not in heard))
            heard.add((user, track))
    return sorted(listens)


def last(listens: Sequence[Listen], days: int, end: datetime) -> list[Listen]:
    begin = end - timedelta(days=days)
    return [x for x in listens if begin <= x.at < end]


def dial_of(user: int) -> float | None:
    """Half of them have not said."""
    return None if user % 2 else user % 5 / 4


def audio_of(track: int) -> dict[str, Any]:
    return {"genre": GENRES[track % 2], "tempo": tempo_of(track), "energy": energy_of(track), "explicit": track % 10 == 6}


def released_on(track: int, tracks: int, end: date) -> date:
    return end - timedelta(days=5) if track >= tracks - 4 else end - timedelta(days=200 + track % 300)


def tempo_of(track: int) -> float:
    return 80.0 + track % 7 + 60.0 * (track % 2)


def energy_of(track: int) -> float:
    return 0.2 + 0.01 * (track % 9) + 0.5 * (track % 2)


def artist_of(track: int) -> str:
    """Six tracks in twelve numbers share an artist, all of one group."""
    return f"a{2 * (track // 12) + track % 2:04d}"


def territory_of(user: int) -> str:
    return TERRITORIES[user // 2 % 2]


def device_of(user: int) -> str:
    return ("phone", "desktop", "speaker")[user % 3]
