"""The stored playlist of a listener, and what of it may still be heard on the day it is asked for."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from segue.dates import days_of_week
from segue.features import online_row, playlist_row
from segue.names import Service
from segue.playlists import VisibleWeek, read_visible_week
from segue.requests import RecommendedTrack, RemovedTrack
from serving.answers import SCORE_PLACES, labels, removed_of
from serving.catalogue import NO_TRACK, Catalogue
from serving.funnel import Funnel
from serving.lists import Taken
from serving.policy import order
from serving.policy.rule import Listeners
from serving.reasons import in_words


def visible_playlist(user_id: str) -> tuple[VisibleWeek | None, dict[str, Any] | None]:
    """The visible week and its playlist of a user. Where there is none the pointer is read again: it may have moved twice
    since, and the rows of a week that is neither visible nor the one before may be gone."""
    visible = read_visible_week()
    while visible is not None:
        stored = playlist_row(user_id, visible.key)
        now = visible if stored is not None else read_visible_week()
        if now == visible:
            return visible, stored
        visible = now
    return None, None


def still_allowed(
    catalogue: Catalogue, stored: dict[str, Any], user_id: str, territory: str | None, days: tuple[date, date]
) -> list[RecommendedTrack]:
    """The stored tracks, less what may not be played where the listener is, and what since the week was published lost its
    licence, was disliked by them, itself or its artist, or is no longer allowed by their account."""
    explicit_allowed, playable = catalogue.account(user_id)[1], catalogue.playable(territory, *days)
    disliked, artists = _disliked(user_id)
    tracks = []
    columns = ("track_ids", "scores", "sources", "reasons")
    for track, score, source, reason in zip(*(stored[name] for name in columns), strict=True):
        row = catalogue.row(track)
        allowed = row != NO_TRACK and playable[row] and (explicit_allowed or not catalogue.explicit[row])
        if allowed and track not in disliked and catalogue.artist_id[row] not in artists:
            words = in_words(catalogue, row, reason)
            tracks.append(
                RecommendedTrack(**labels(catalogue, row), score=round(score, SCORE_PLACES), source=source, reason=words)
            )
    return tracks


def taken_out(funnel: Funnel, stored: dict[str, Any], owner: Listeners) -> list[RemovedTrack]:
    """What `still_allowed` leaves out of a stored playlist, with the rule. `owner` is its listener as they are now, but for
    what they heard."""
    rows = funnel.catalogue.places(stored["track_ids"])
    rule = order.removed_by(owner, funnel.catalogue, rows[None])[0]
    by_rule = removed_of(funnel, owner, Taken(rows[rule >= 0], rule[rule >= 0]), rows[:0])
    gone = [track for track, row in zip(stored["track_ids"], rows, strict=True) if row == NO_TRACK]
    return by_rule + [RemovedTrack(track_id=track, rule="catalogue", reason="no longer in the catalogue") for track in gone]


def _disliked(user_id: str) -> tuple[set[str], set[str]]:
    """The tracks and the artists a listener disliked."""
    row = online_row(Service.POLICY, {"user_id": user_id}, ["disliked_tracks", "disliked_artists"]) or {}
    return set(row.get("disliked_tracks") or ()), set(row.get("disliked_artists") or ())


def days_left(visible: VisibleWeek | None, today: date) -> tuple[date, date]:
    """From today to the last day of the visible week, today alone when it is over, seven days when there is none: a list is
    heard from the day it is given, whatever week it was made for."""
    last = days_of_week(visible.week)[1] if visible is not None else today + timedelta(days=6)
    return today, max(today, last)
