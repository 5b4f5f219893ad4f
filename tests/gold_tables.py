"""Small gold tables with a known answer, for the tests of every room that reads them.

A checkerboard: users and tracks fall into two groups by the parity of their number. A user completes (and sometimes saves)
tracks of their own group and skips the other group's early; tempo, energy, genre and artist follow the group. So popularity
alone is right half the time, and any model that learns must rank the own group first. Same arguments, same bytes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from gold_schemas import SCHEMAS

from segue.dates import end_of, start_of
from segue.home import Home
from segue.names import DAILY_TABLES, Table

GENRES = ("ambient", "metal")
TERRITORIES = ("DE", "SE")
AS_OF = date(2026, 11, 15)
_WEIGHTS = {"complete": 1.0, "late_skip": 0.5, "early_skip": 0.0}


class Listen(NamedTuple):
    at: datetime
    user: int
    track: int
    outcome: str
    saved: bool
    first: bool


@dataclass(frozen=True)
class Gold:
    """What was written, and the answer a model should find.

    `new_users` have an account and no listen. `unlicensed` are (track, territory) pairs that may not be played on `as_of`.
    """

    as_of: date
    user_group: dict[str, int]
    track_group: dict[str, int]
    new_users: list[str]
    unlicensed: set[tuple[str, str]] = field(default_factory=set)


def user_id(number: int) -> str:
    return f"u{number:05d}"


def track_id(number: int) -> str:
    return f"t{number:05d}"


def write_gold(
    home: Home,
    *,
    users: int = 60,
    tracks: int = 120,
    days: int = 28,
    end: date = AS_OF,
    seed: int = 17,
    new_users: int = 2,
    away: Mapping[int, tuple[int, int]] | None = None,
) -> Gold:
    """Write every gold table into `home.features` for the `days` that end with `end`.

    Args:
        home: where to; existing partitions of the same days are replaced.
        users: listeners with history, numbered from 0; `new_users` more follow without any.
        tracks: catalogue size; all are released before the first day, except the last four, new in the last week.
        away: user number to the half-open range of day numbers (0 is the first day) in which they do not listen.
    """
    rng = np.random.default_rng(seed)
    first = end - timedelta(days=days - 1)
    listens = _listens(rng, users, tracks, first, days, away or {})
    for day in (first + timedelta(days=n) for n in range(days)):
        known = _last(listens, 31, end_of(day))
        _write(home, Table.USER_FEATURES, _user_rows(known, day), day)
        _write(home, Table.TRACK_FEATURES, _track_rows(known, day, tracks, end), day)
        _write(home, Table.TRACK_TERRITORY_FEATURES, _territory_rows(known, day), day)
        _write(home, Table.LABELS, [_label(x) for x in _last(known, 1, end_of(day))], day)
    _write(home, Table.REJECTED_LISTENS, [_REJECTED], end)
    everyone = range(users + new_users)
    unlicensed = _write_catalogue(home, tracks, end)
    _write(home, Table.USERS, [_account(n, first) for n in everyone])
    _write(home, Table.USER_HISTORY, _history_rows(listens, end))
    _write(home, Table.USER_PLAYLISTS, [_playlist_entry(x) for x in listens if x.saved])
    return Gold(
        as_of=end,
        user_group={user_id(n): n % 2 for n in everyone},
        track_group={track_id(n): n % 2 for n in range(tracks)},
        new_users=[user_id(n) for n in everyone[users:]],
        unlicensed=unlicensed,
    )


def _listens(
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
            if _released(track, tracks, first + timedelta(days=days - 1)) > first + timedelta(days=day):
                continue
            outcome = "early_skip" if other else "late_skip" if rng.random() < 0.1 else "complete"
            saved = outcome == "complete" and bool(rng.random() < 0.15)
            listens.append(Listen(begin + timedelta(minutes=4 * n), user, track, outcome, saved, (user, track) not in heard))
            heard.add((user, track))
    return sorted(listens)


def _last(listens: Sequence[Listen], days: int, end: datetime) -> list[Listen]:
    begin = end - timedelta(days=days)
    return [x for x in listens if begin <= x.at < end]


def _user_rows(known: Sequence[Listen], day: date) -> list[dict[str, Any]]:
    """Snapshot rows of the users with a listen in the 30 days to `day`, and the closing row the day after those."""
    by_user: dict[int, list[Listen]] = defaultdict(list)
    for x in known:
        by_user[x.user].append(x)
    return [_user_row(user, xs, day) for user, xs in sorted(by_user.items())]


def _user_row(user: int, xs: list[Listen], day: date) -> dict[str, Any]:
    end = end_of(day)
    month, week = _last(xs, 30, end), _last(xs, 7, end)
    genres, genre_shares = _shares([GENRES[x.track % 2] for x in month], 8)
    artists, artist_shares = _shares([_artist(x.track) for x in month], 20)
    hours = Counter(x.at.hour for x in month)
    return _account(user, day) | {
        "event_timestamp": end,
        "plays_7d": len(week),
        "plays_30d": len(month),
        "active_days_30d": len({x.at.date() for x in month}),
        "distinct_artists_30d": len({_artist(x.track) for x in month}),
        "early_skip_rate_7d": _rate(week, "early_skip"),
        "early_skip_rate_30d": _rate(month, "early_skip"),
        "save_rate_30d": _mean([x.saved for x in month]) if month else None,
        "mean_tempo_30d": _mean([_tempo(x.track) for x in month]) if month else None,
        "mean_energy_30d": _mean([_energy(x.track) for x in month]) if month else None,
        "days_since_last_play": (day - xs[-1].at.date()).days,
        "top_genres": genres,
        "top_genre_shares": genre_shares,
        "top_artists": artists,
        "top_artist_shares": artist_shares,
        "hour_shares": [hours[h] / len(month) for h in range(24)] if month else None,
        "top_device": _device(user) if month else None,
        "recent_tracks": [track_id(t) for t in dict.fromkeys(x.track for x in reversed(month))][:200],
    }


def _track_rows(known: Sequence[Listen], day: date, tracks: int, end: date) -> list[dict[str, Any]]:
    month = _last(known, 30, end_of(day))
    by_track: dict[int, list[Listen]] = defaultdict(list)
    for x in month:
        by_track[x.track].append(x)
    return [_track_row(n, by_track[n], day, tracks, end) for n in range(tracks) if _released(n, tracks, end) <= day]


def _track_row(track: int, xs: list[Listen], day: date, tracks: int, end: date) -> dict[str, Any]:
    return _audio(track) | {
        "track_id": track_id(track),
        "event_timestamp": end_of(day),
        "artist_id": _artist(track),
        "duration_s": 180.0 + track % 60,
        "age_days": (day - _released(track, tracks, end)).days,
        "plays_7d": len(_last(xs, 7, end_of(day))),
        "plays_30d": len(xs),
        "users_30d": len({x.user for x in xs}),
        "complete_rate_30d": _rate(xs, "complete"),
        "early_skip_rate_30d": _rate(xs, "early_skip"),
        "save_rate_30d": _mean([x.saved for x in xs]) if xs else None,
    }


def _territory_rows(known: Sequence[Listen], day: date) -> list[dict[str, Any]]:
    """Rows per track and territory, ranked by plays; the 31st day back gives the closing row."""
    rows = []
    for territory in TERRITORIES:
        there = [x for x in known if _territory(x.user) == territory]
        month = _last(there, 30, end_of(day))
        plays, listeners = Counter(x.track for x in month), Counter(track for track, _ in {(x.track, x.user) for x in month})
        ranked = sorted({x.track for x in there}, key=lambda t: (-plays[t], t))
        rows += [
            {
                "track_id": track_id(track),
                "territory": territory,
                "event_timestamp": end_of(day),
                "territory_plays_30d": plays[track],
                "territory_users_30d": listeners[track],
                "territory_rank": rank,
            }
            for rank, track in enumerate(ranked, start=1)
        ]
    return rows


def _history_rows(listens: Sequence[Listen], end: date) -> list[dict[str, Any]]:
    by_user: dict[int, list[Listen]] = defaultdict(list)
    for x in reversed(listens):
        by_user[x.user].append(x)
    return [
        {
            "user_id": user_id(user),
            "event_timestamp": end_of(end),
            "heard_tracks": [track_id(t) for t in dict.fromkeys(x.track for x in xs)],
            "saved_tracks": [track_id(t) for t in dict.fromkeys(x.track for x in xs if x.saved)],
            "disliked_tracks": [track_id(x.track) for x in xs if x.outcome == "early_skip" and user % 9 == 4][:1],
            "disliked_artists": [_artist(x.track) for x in xs if x.outcome == "early_skip" and user % 9 == 5][:1],
            "heard_60d": len({x.track for x in xs if x.at >= end_of(end) - timedelta(days=60)}),
            "adventurousness": _dial(user),
        }
        for user, xs in sorted(by_user.items())
    ]


def _write_catalogue(home: Home, tracks: int, end: date) -> set[tuple[str, str]]:
    """Every 15th track may be played in Sweden only; every 16th had a licence that ended a month ago in Germany."""
    rows, licences, unlicensed = [], [], set()
    for n in range(tracks):
        windows = []
        if n % 15 == 7:
            windows, gone = [("SE", date(2020, 1, 1), None)], {(track_id(n), "DE")}
        elif n % 16 == 9:
            windows = [("SE", date(2020, 1, 1), None), ("DE", date(2020, 1, 1), end - timedelta(days=30))]
            gone = {(track_id(n), "DE")}
        else:
            gone = set()
        unlicensed |= gone
        licences += [{"track_id": track_id(n), "territory": t, "valid_from": a, "valid_to": b} for t, a, b in windows]
        rows.append(_catalogue_row(n, tracks, end, licensed_everywhere=not windows))
    _write(home, Table.TRACKS, rows)
    _write(home, Table.LICENCES, licences)
    return unlicensed


def _catalogue_row(track: int, tracks: int, end: date, *, licensed_everywhere: bool) -> dict[str, Any]:
    live = track % 12 >= 10 and track >= 12  # another recording of the track two numbers before, of the same group
    released = _released(track, tracks, end)
    return _audio(track) | {
        "track_id": track_id(track),
        "title": f"Song {track - 2} (Live)" if live else f"Song {track}",
        "artist_id": _artist(track),
        "artist_name": f"Artist {_artist(track)[1:]}",
        "album_id": f"al{_artist(track)[1:]}",
        "duration_ms": 1000 * (180 + track % 60),
        "release_date": released,
        "version_family": f"f{track - 2 if live else track}",
        "version_kind": "live" if live else "original",
        "licensed_everywhere": licensed_everywhere,
        "first_seen_at": start_of(released),
    }


_REJECTED = {
    "source": "events",
    "landed_file": "events-1.jsonl",
    "row_text": '{"event_id": null}',
    "reason": "event_id missing",
}


def _label(x: Listen) -> dict[str, Any]:
    return {
        "listen_id": f"l-{x.user}-{x.at:%Y%m%dT%H%M%S}",
        "user_id": user_id(x.user),
        "track_id": track_id(x.track),
        "event_timestamp": x.at,
        "session_id": f"{user_id(x.user)}-{x.at.date().isoformat()}",
        "territory": _territory(x.user),
        "device": _device(x.user),
        "surface": "home",
        "outcome": x.outcome,
        "saved": x.saved,
        "weight": 5.0 if x.saved else _WEIGHTS[x.outcome],
        "integrity": 1.0,
        "first_listen": x.first,
    }


def _playlist_entry(x: Listen) -> dict[str, Any]:
    return {"playlist_id": f"p{x.user}", "user_id": user_id(x.user), "track_id": track_id(x.track), "added_at": x.at}


def _account(user: int, first: date) -> dict[str, Any]:
    return {
        "user_id": user_id(user),
        "territory": _territory(user),
        "signup_date": first,
        "explicit_allowed": None if user % 5 == 3 else user % 7 != 2,
        "adventurousness": _dial(user),
        "first_seen_at": start_of(first),
    }


def _dial(user: int) -> float | None:
    """Half of them have not said."""
    return None if user % 2 else user % 5 / 4


def _audio(track: int) -> dict[str, Any]:
    return {"genre": GENRES[track % 2], "tempo": _tempo(track), "energy": _energy(track), "explicit": track % 10 == 6}


def _released(track: int, tracks: int, end: date) -> date:
    return end - timedelta(days=5) if track >= tracks - 4 else end - timedelta(days=200 + track % 300)


def _tempo(track: int) -> float:
    return 80.0 + track % 7 + 60.0 * (track % 2)


def _energy(track: int) -> float:
    return 0.2 + 0.01 * (track % 9) + 0.5 * (track % 2)


def _artist(track: int) -> str:
    """Six tracks in twelve numbers share an artist, all of one group."""
    return f"a{2 * (track // 12) + track % 2:04d}"


def _territory(user: int) -> str:
    return TERRITORIES[user // 2 % 2]


def _device(user: int) -> str:
    return ("phone", "desktop", "speaker")[user % 3]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _rate(xs: Sequence[Listen], outcome: str) -> float | None:
    return _mean([x.outcome == outcome for x in xs]) if xs else None


def _shares(values: Sequence[str], most: int) -> tuple[list[str], list[float]]:
    best = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))[:most]
    return [name for name, _ in best], [count / len(values) for _, count in best]


def _write(home: Home, table: Table, rows: Sequence[Mapping[str, Any]], day: date | None = None) -> Path:
    folder = home.table(table) / f"day={day.isoformat()}" if day and table in DAILY_TABLES else home.table(table)
    folder.mkdir(parents=True, exist_ok=True)
    schema = SCHEMAS[table]
    pq.write_table(pa.table({f.name: [row[f.name] for row in rows] for f in schema}, schema=schema), folder / "data.parquet")
    return folder
