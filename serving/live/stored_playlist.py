"""The stored playlist of a listener, what of it may be heard on the day it is asked for, and why a track is not in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from segue.dates import days_of_week
from segue.features import online_row, playlist_row
from segue.names import CandidateSource, Service
from segue.playlists import PLAYLIST_LENGTH, VisibleWeek
from segue.requests import RecommendedTrack, RemovedTrack
from serving.funnel.answers import SCORE_PLACES, labels, removed_of
from serving.funnel.funnel import Funnel
from serving.funnel.lists import Taken
from serving.funnel.people import REFUSED, Row, listeners_of, model_columns, no_moment, with_days
from serving.funnel.reasons import in_words
from serving.live.shown_week import SHOWN
from serving.policy import order
from serving.policy.rule import Listeners
from serving.tracks.catalogue import NO_TRACK, Catalogue, Rows

_TRACKS = TypeAdapter(list[RecommendedTrack])  # all tracks at once: one by one they take a third longer


def visible_playlist(user_id: str) -> tuple[VisibleWeek | None, dict[str, Any] | None]:
    """The visible week and its playlist of a user. Where there is none the pointer is read again: it may have moved twice
    since, and the rows of a week that is neither visible nor the one before may be gone."""
    visible = SHOWN.read()
    while visible is not None:
        stored = playlist_row(user_id, visible.key)
        now = visible if stored is not None else SHOWN.read()
        if now == visible:
            return visible, stored
        visible = now
    return None, None


def refused_by(user_id: str) -> dict[str, Any]:
    """The tracks and the artists a listener disliked, the columns `REFUSED`; nothing of one nobody knows."""
    return online_row(Service.POLICY, {"user_id": user_id}, REFUSED) or {}


def still_allowed(catalogue: Catalogue, stored: Mapping[str, Any], owner: Listeners) -> list[RecommendedTrack]:
    """The stored tracks, less what a rule about single tracks removes today: what may not be played where its owner is, and
    what since the week was published lost its licence, was disliked by them, itself or its artist, or is no longer allowed by
    their account."""
    rows = catalogue.places(stored["track_ids"])
    kept = order.allowed_alone(owner, catalogue, rows[None])[0]
    columns = (stored[name] for name in ("scores", "sources", "reasons"))
    tracks = [
        labels(catalogue, row)
        | {"score": round(score, SCORE_PLACES), "source": source, "reason": in_words(catalogue, row, reason)}
        for row, stays, score, source, reason in zip(rows.tolist(), kept.tolist(), *columns, strict=True)
        if stays
    ]
    return _TRACKS.validate_python(tracks)


def taken_out(funnel: Funnel, stored: Mapping[str, Any], owner: Listeners) -> list[RemovedTrack]:
    """What `still_allowed` leaves out of a stored playlist, with the rule."""
    rows = funnel.catalogue.places(stored["track_ids"])
    rule = order.removed_by(owner, funnel.catalogue, rows[None])[0]
    by_rule = removed_of(funnel, owner, Taken(rows[rule >= 0], rule[rule >= 0]), rows[:0])
    gone = [track for track, row in zip(stored["track_ids"], rows, strict=True) if row == NO_TRACK]
    return by_rule + [RemovedTrack(track_id=track, rule="catalogue", reason="no longer in the catalogue") for track in gone]


def left_of(catalogue: Catalogue, rows: Rows, owner: Listeners) -> Rows:
    """Those of the stored rows (k,) that a rule about single tracks leaves in today."""
    return rows[order.allowed_alone(owner, catalogue, rows[None])[0]]


def out_of_stored(funnel: Funnel, owner: Listeners, row: Row, stored: Mapping[str, Any], now: datetime) -> list[RemovedTrack]:
    """What today's rules take out of a playlist stored for `owner`; then what they, and what is left of it, keep out of the
    candidates, if the funnel is of the release that made it and can tell. `row` is the listener's as it is `now`."""
    since, rows = taken_out(funnel, stored, owner), funnel.catalogue.rows(stored["track_ids"])
    left = left_of(funnel.catalogue, rows, owner)
    policy = {name: [value] for name, value in row.policy.items()}
    days, territory = (owner.first, owner.last), owner.territory[0]
    listeners = listeners_of(funnel.catalogue, owner.ids, policy, days=days, discovery=True, territory=territory)
    listeners = with_days(funnel.catalogue, listeners, now)
    if all(source == CandidateSource.POPULAR for source in stored["sources"]):
        taken = funnel.removed_from_popular(listeners, PLAYLIST_LENGTH, left)
        return since + removed_of(funnel, listeners, taken, rows)
    if funnel.model is None or funnel.model.version != stored["release"]:
        return since
    features = {name: [value] for name, value in row.features.items()} | no_moment(1)
    taken = funnel.removed(listeners, model_columns(owner.ids, features), PLAYLIST_LENGTH, left)
    return since + removed_of(funnel, listeners, taken, rows)


def days_left(visible: VisibleWeek | None, today: date) -> tuple[date, date]:
    """From today to the last day of the visible week, today alone when it is over, seven days when there is none: a list is
    heard from the day it is given, whatever week it was made for."""
    last = days_of_week(visible.week)[1] if visible is not None else today + timedelta(days=6)
    return today, max(today, last)
