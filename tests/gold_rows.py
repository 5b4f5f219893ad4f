"""The rows of the gold tables that `gold_tables` writes, from the listens of the checkerboard."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from gold_listens import (
    GENRES,
    TERRITORIES,
    Listen,
    artist_of,
    audio_of,
    device_of,
    dial_of,
    energy_of,
    last,
    released_on,
    tempo_of,
    territory_of,
    track_id,
    user_id,
)

from segue.dates import end_of, start_of

_WEIGHTS = {"complete": 1.0, "late_skip": 0.5, "early_skip": 0.0}
_OUTCOMES = {"complete": 2, "late_skip": 1, "early_skip": 0}
REJECTED = {
    "source": "events",
    "landed_file": "events-1.jsonl",
    "row_text": '{"event_id": null}',
    "reason": "event_id missing",
}


def user_rows(known: Sequence[Listen], day: date) -> list[dict[str, Any]]:
    """Snapshot rows of the users with a listen in the 30 days to `day`, and the closing row the day after those."""
    by_user: dict[int, list[Listen]] = defaultdict(list)
    for x in known:
        by_user[x.user].append(x)
    return [_user_row(user, xs, day) for user, xs in sorted(by_user.items())]


def _user_row(user: int, xs: list[Listen], day: date) -> dict[str, Any]:
    end = end_of(day)
    month, week = last(xs, 30, end), last(xs, 7, end)
    recent = list(dict.fromkeys(x.track for x in reversed(month)))[:200]
    genres, genre_shares = _shares([GENRES[x.track % 2] for x in month], 8)
    artists, artist_shares = _shares([artist_of(x.track) for x in month], 20)
    hours = Counter(x.at.hour for x in month)
    return account(user, day) | {
        "event_timestamp": end,
        "plays_7d": len(week),
        "plays_30d": len(month),
        "active_days_30d": len({x.at.date() for x in month}),
        "distinct_artists_30d": len({artist_of(x.track) for x in month}),
        "early_skip_rate_7d": _rate(week, "early_skip"),
        "early_skip_rate_30d": _rate(month, "early_skip"),
        "save_rate_30d": _mean([x.saved for x in month]) if month else None,
        "mean_tempo_30d": _mean([tempo_of(x.track) for x in month]) if month else None,
        "mean_energy_30d": _mean([energy_of(x.track) for x in month]) if month else None,
        "days_since_last_play": (day - xs[-1].at.date()).days,
        "top_genres": genres,
        "top_genre_shares": genre_shares,
        "top_artists": artists,
        "top_artist_shares": artist_shares,
        "hour_shares": [hours[h] / len(month) for h in range(24)] if month else None,
        "top_device": device_of(user) if month else None,
        "recent_tracks": [track_id(t) for t in recent],
        "recent_outcomes": [_best_of_last_day([x for x in month if x.track == t]) for t in recent],
    }


def track_rows(known: Sequence[Listen], day: date, tracks: int, end: date) -> list[dict[str, Any]]:
    month = last(known, 30, end_of(day))
    by_track: dict[int, list[Listen]] = defaultdict(list)
    for x in month:
        by_track[x.track].append(x)
    return [_track_row(n, by_track[n], day, tracks, end) for n in range(tracks) if released_on(n, tracks, end) <= day]


def _track_row(track: int, xs: list[Listen], day: date, tracks: int, end: date) -> dict[str, Any]:
    return audio_of(track) | {
        "track_id": track_id(track),
        "event_timestamp": end_of(day),
        "artist_id": artist_of(track),
        "duration_s": 180.0 + track % 60,
        "age_days": (day - released_on(track, tracks, end)).days,
        "plays_7d": len(last(xs, 7, end_of(day))),
        "plays_30d": len(xs),
        "users_30d": len({x.user for x in xs}),
        "complete_rate_30d": _rate(xs, "complete"),
        "early_skip_rate_30d": _rate(xs, "early_skip"),
        "save_rate_30d": _mean([x.saved for x in xs]) if xs else None,
    }


def territory_rows(known: Sequence[Listen], day: date) -> list[dict[str, Any]]:
    """Rows per track and territory, ranked by plays; the 31st day back gives the closing row."""
    rows = []
    for territory in TERRITORIES:
        there = [x for x in known if territory_of(x.user) == territory]
        month = last(there, 30, end_of(day))
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


def history_rows(listens: Sequence[Listen], end: date) -> list[dict[str, Any]]:
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
            "disliked_artists": [artist_of(x.track) for x in xs if x.outcome == "early_skip" and user % 9 == 5][:1],
            "heard_60d": len({x.track for x in xs if x.at >= end_of(end) - timedelta(days=60)}),
            "adventurousness": dial_of(user),
        }
        for user, xs in sorted(by_user.items())
    ]


def catalogue_row(track: int, tracks: int, end: date, *, licensed_everywhere: bool) -> dict[str, Any]:
    live = track % 12 >= 10 and track >= 12  # another recording of the track two numbers before, of the same group
    released = released_on(track, tracks, end)
    return audio_of(track) | {
        "track_id": track_id(track),
        "title": f"Song {track - 2} (Live)" if live else f"Song {track}",
        "artist_id": artist_of(track),
        "artist_name": f"Artist {artist_of(track)[1:]}",
        "album_id": f"al{artist_of(track)[1:]}",
        "duration_ms": 1000 * (180 + track % 60),
        "release_date": released,
        "version_family": f"f{track - 2 if live else track}",
        "version_kind": "live" if live else "original",
        "label_type": "major" if track % 3 == 0 else "independent",
        "licensed_everywhere": licensed_everywhere,
        "first_seen_at": start_of(released),
    }


def label(x: Listen) -> dict[str, Any]:
    return {
        "listen_id": f"l-{x.user}-{x.at:%Y%m%dT%H%M%S}",
        "user_id": user_id(x.user),
        "track_id": track_id(x.track),
        "event_timestamp": x.at,
        "session_id": f"{user_id(x.user)}-{x.at.date().isoformat()}",
        "territory": territory_of(x.user),
        "device": device_of(x.user),
        "surface": "home",
        "outcome": x.outcome,
        "saved": x.saved,
        "weight": 5.0 if x.saved else _WEIGHTS[x.outcome],
        "integrity": 1.0,
        "first_listen": x.first,
    }


def playlist_entry(x: Listen) -> dict[str, Any]:
    entry = {"playlist_id": f"p{x.user}", "user_id": user_id(x.user), "track_id": track_id(x.track)}
    return entry | {"added_at": x.at, "found_on": None}


def account(user: int, first: date) -> dict[str, Any]:
    return {
        "user_id": user_id(user),
        "territory": territory_of(user),
        "signup_date": first,
        "explicit_allowed": None if user % 5 == 3 else user % 7 != 2,
        "adventurousness": dial_of(user),
        "first_seen_at": start_of(first),
    }


def _best_of_last_day(xs: Sequence[Listen]) -> int:
    return max(_OUTCOMES[x.outcome] for x in xs if x.at.date() == xs[-1].at.date())


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _rate(xs: Sequence[Listen], outcome: str) -> float | None:
    return _mean([x.outcome == outcome for x in xs]) if xs else None


def _shares(values: Sequence[str], most: int) -> tuple[list[str], list[float]]:
    best = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))[:most]
    return [name for name, _ in best], [count / len(values) for _, count in best]
