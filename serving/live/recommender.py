"""The three lists the service answers with: this week's, one for a moment, and the neighbours of a track.

Each is a function of the funnel and a request, and gives the answer with its log record. An unknown user, an unknown
track or a missing release is no error: the list is popular tracks under the same policy, and says so.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from segue.home import get_home
from segue.names import CandidateSource, Fallback, Surface
from segue.playlists import PLAYLIST_LENGTH
from segue.predictions import Explored, Prediction
from segue.requests import Context, RecommendedTrack, RecommendRequest, RemovedTrack, TrackList
from serving.funnel.absent import out_of_chart, out_of_similar
from serving.funnel.answers import (
    chart_fallback,
    dials_of,
    explored_of,
    prediction_of,
    propensities_of,
    removed_of,
    tracks_of,
)
from serving.funnel.funnel import Funnel
from serving.funnel.lists import Lists
from serving.funnel.people import Row, listeners_of, model_columns, moment, nobody, owner_of, read_row, with_days
from serving.funnel.reasons import chart_reasons, personal_reasons, radio_reasons, similar_reasons
from serving.live.refusals import NOTHING, Refused
from serving.live.shown_week import SHOWN
from serving.live.stored_playlist import days_left, out_of_stored, refused_by, still_allowed, visible_playlist
from serving.policy.rule import Listeners
from serving.tracks.catalogue import NO_TRACK, Catalogue, Rows


@dataclass(frozen=True)
class Answer:
    """A list and the record of it."""

    body: TrackList
    prediction: Prediction


class _Asked:
    """One request: when it came, and how its answer is made."""

    def __init__(self, surface: Surface, user_id: str | None, release: str | None, territory: str | None) -> None:
        self._began = time.perf_counter()
        self.at = datetime.now(UTC)
        self.territory = territory
        self._said = {"request_id": uuid.uuid4().hex, "surface": surface, "user_id": user_id, "release": release}

    def answer(
        self,
        tracks: list[RecommendedTrack],
        *,
        fallback: Fallback | None = None,
        week: date | None = None,
        features: Mapping[str, Any] | None = None,
        removed: list[RemovedTrack] | None = None,
        stored: bool = False,
        chosen: tuple[Catalogue, Lists] | None = None,
    ) -> Answer:
        body = TrackList.model_validate(
            {**self._said, "tracks": tracks, "fallback": fallback, "week": week, "removed": removed}
        )
        spent = 1_000 * (time.perf_counter() - self._began)
        record = prediction_of(
            body,
            at=self.at,
            territory=self.territory,
            features=features,
            latency_ms=spent,
            stored=stored,
            propensities=propensities_of(chosen[1])[0] if chosen else None,
            explored=_explored(*chosen) if chosen else None,
            dial=dials_of(chosen[1])[0] if chosen else None,
        )
        return Answer(body, record)


def weekly(
    funnel: Funnel | None, user_id: str, territory: str | None = None, *, explain: bool = False, since: Refused = NOTHING
) -> Answer:
    """The playlist of the visible week; the popular where there is none for this user. `territory` is where they are now,
    default their account's, and `since` what they refused since the features. `explain` also tells what is not in it, by what
    is known now."""
    visible, stored = visible_playlist(user_id) if funnel else (SHOWN.read(), None)
    territory = territory or (funnel.catalogue.account(user_id)[0] if funnel else None)
    made_by = visible.release if visible and stored else _version(funnel)
    asked = _Asked(Surface.WEEKLY, user_id, made_by, territory)
    if funnel is None:
        return asked.answer([], fallback=Fallback.NO_RELEASE)
    days = days_left(visible, asked.at.date())
    if visible is None or stored is None:
        policy = _columns(since.added_to(_row(user_id).policy, funnel.catalogue))
        listeners = listeners_of(funnel.catalogue, [user_id], policy, days=days, discovery=True, territory=territory)
        if explain:
            listeners = with_days(funnel.catalogue, listeners, asked.at)
        tracks, fallback, removed = _popular(funnel, listeners, PLAYLIST_LENGTH, explain=explain)
        return asked.answer(tracks, fallback=fallback, week=visible.week if visible else None, removed=removed)
    refused = since.added_to(refused_by(user_id), funnel.catalogue)
    owner = owner_of(funnel.catalogue, user_id, refused, days=days, territory=territory)
    tracks = still_allowed(funnel.catalogue, stored, owner)
    personal = any(source != CandidateSource.POPULAR for source in stored["sources"])
    home = funnel.catalogue.account(user_id)[0]  # whose chart it is, wherever they are now
    named = None if personal or not tracks else chart_fallback(funnel.catalogue, home)
    if not explain:
        return asked.answer(tracks, fallback=named, week=visible.week, stored=True)
    row = _row(user_id)
    known = replace(row, policy=since.added_to(row.policy, funnel.catalogue))
    removed = out_of_stored(funnel, owner, known, stored, asked.at)
    return asked.answer(tracks, fallback=named, week=visible.week, stored=True, removed=removed)


def recommend(funnel: Funnel | None, request: RecommendRequest, *, since: Refused = NOTHING) -> Answer:
    """A list for one moment: the user's row and what they refused `since`, the context, the funnel."""
    context, user = request.context, request.user_id
    territory = context.territory or (funnel.catalogue.account(user)[0] if funnel else None)
    asked = _Asked(Surface(context.surface), user, _version(funnel), territory)
    if funnel is None:
        return asked.answer([], fallback=Fallback.NO_RELEASE)
    row, day = _row(user), asked.at.date()
    listeners = listeners_of(
        funnel.catalogue,
        [user],
        _columns(since.added_to(row.policy, funnel.catalogue)),
        days=(day, day),
        discovery=context.surface == "home",
        territory=context.territory,
        excluded=[*request.exclude, *(context.session_tracks if context.surface == "radio" else [])],
        adventurousness=request.adventurousness,
    )
    if request.explain:
        listeners = with_days(funnel.catalogue, listeners, asked.at)
    session = _session(funnel, context)
    if len(session):
        lists, tracks, removed = _radio(funnel, listeners, session, request)
        return asked.answer(tracks, removed=removed, chosen=(funnel.catalogue, lists))
    if funnel.model is None or not row.has_history:
        tracks, fallback, removed = _popular(funnel, listeners, request.count, explain=request.explain)
        return asked.answer(tracks, fallback=fallback, removed=removed)
    features = _columns(row.features) | moment(context.requested_at or asked.at, context.device)
    columns = model_columns([user], features)
    lists = funnel.personal(listeners, columns, request.count)
    tracks, removed = tracks_of(funnel.catalogue, lists, personal_reasons(funnel, listeners, lists, columns)), None
    if request.explain:
        taken = funnel.removed(listeners, columns, request.count, lists.rows[0])
        removed = removed_of(funnel, listeners, taken, lists.rows[0])
    seen = {name: values[0] for name, values in features.items()}
    return asked.answer(tracks, features=seen, removed=removed, chosen=(funnel.catalogue, lists))


def similar(
    funnel: Funnel | None,
    track_id: str,
    count: int,
    territory: str | None,
    *,
    explicit_allowed: bool,
    explain: bool = False,
) -> Answer:
    """The nearest tracks by the release's vectors; popular ones for a track that nobody knows."""
    asked = _Asked(Surface.SIMILAR, None, _version(funnel), territory)
    if funnel is None:
        return asked.answer([], fallback=Fallback.NO_RELEASE)
    catalogue, seed = funnel.catalogue, funnel.catalogue.row(track_id)
    same_song = np.flatnonzero(catalogue.family == catalogue.family[seed]).astype(np.int32) if seed >= 0 else None
    listeners = nobody(
        territory=territory,
        explicit_allowed=explicit_allowed,
        excluded=same_song if same_song is not None else np.empty(0, dtype=np.int32),
        day=asked.at.date(),
    )
    lists = funnel.similar(seed, listeners, count) if seed != NO_TRACK else None
    if lists is None:
        tracks, _, removed = _popular(funnel, listeners, count, explain=explain)
        named = Fallback.UNKNOWN_TRACK if funnel.model else Fallback.NO_RELEASE
        return asked.answer(tracks, fallback=named, removed=removed)
    tracks = tracks_of(catalogue, lists, similar_reasons(catalogue, seed, lists, [territory]))
    return asked.answer(tracks, removed=out_of_similar(funnel, seed, listeners, count, lists.rows[0]) if explain else None)


def _version(funnel: Funnel | None) -> str | None:
    """The release that a list made now is of."""
    return funnel.model.version if funnel and funnel.model else None


def _session(funnel: Funnel, context: Context) -> Rows:
    """The running session radio goes on from: rows of what the catalogue knows of it, none where there is nothing to go on
    from."""
    session = funnel.catalogue.rows(context.session_tracks)
    return session if context.surface == "radio" and funnel.goes_on_from(session) else session[:0]


def _radio(
    funnel: Funnel, listeners: Listeners, session: Rows, request: RecommendRequest
) -> tuple[Lists, list[RecommendedTrack], list[RemovedTrack] | None]:
    """What goes on from a running session for one listener, and what the policy removed, if asked."""
    lists = funnel.radio(listeners, session, request.count)
    reasons, removed = radio_reasons(funnel.catalogue, session, lists, listeners.territory), None
    if request.explain:
        taken = funnel.removed_from_radio(listeners, session, request.count, lists.rows[0])
        removed = removed_of(funnel, listeners, taken, lists.rows[0])
    return lists, tracks_of(funnel.catalogue, lists, reasons), removed


def _popular(
    funnel: Funnel, listeners: Listeners, count: int, *, explain: bool
) -> tuple[list[RecommendedTrack], Fallback, list[RemovedTrack] | None]:
    """The popular for one listener, what that fallback is called, and what the policy took out of their chart, if asked."""
    lists = funnel.popular(listeners, count)
    reasons = chart_reasons(funnel.catalogue, lists, listeners.territory)
    fallback = chart_fallback(funnel.catalogue, listeners.territory[0]) if funnel.model else Fallback.NO_RELEASE
    removed = out_of_chart(funnel, listeners, count, lists.rows[0]) if explain else None
    return tracks_of(funnel.catalogue, lists, reasons), fallback, removed


def _row(user_id: str) -> Row:
    """The user's row; empty while there is no feature store at all."""
    if not (get_home().feast / "registry.db").exists():
        return Row({}, {})
    return read_row(user_id)


def _columns(row: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    return {name: [value] for name, value in row.items()}


def _explored(catalogue: Catalogue, lists: Lists) -> Explored | None:
    """What the exploring slots of the first list chose from, as its record has it."""
    said = explored_of(catalogue, lists)[0]
    return Explored.model_validate_json(said) if said is not None else None
