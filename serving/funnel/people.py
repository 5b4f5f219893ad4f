"""Who a list is for: user columns for the models and facts for the policy, the same for batch and live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from segue.dates import start_of
from segue.features import online_rows, shared_store, training_frame, views_of, whole_numbers
from segue.names import Service
from segue.policy import HABIT_ABOVE, HABIT_TRACKS
from segue.request_features import request_columns
from segue.tensors import is_list
from serving.policy.rule import Floats, Listeners
from serving.tracks.catalogue import Catalogue, Rows
from serving.tracks.gold import last_listens

NOTHING: Rows = np.empty(0, dtype=np.int32)
UNKNOWN_DEVICE = ""
_NO_TRACK = ""
REFUSED = ("disliked_tracks", "disliked_artists")
_MIX = ("top_genres", "top_genre_shares")


@dataclass(frozen=True)
class Row:
    """One user's features and policy facts, as the feature store has them; empty where it knows nothing."""

    features: dict[str, Any]
    policy: dict[str, Any]

    @property
    def has_history(self) -> bool:
        return has_history(self.features.get("recent_tracks"), self.policy.get("heard_tracks"))


def has_history(recent: Any, heard: Any) -> bool:
    """Whether anything is known of what a user played: without it there is nothing to be personal about."""
    return any(is_list(tracks) and len(tracks) > 0 for tracks in (recent, heard))


def read_row(user_id: str) -> Row:
    """One user's row from the online store: the live path's only read."""
    features, policy = ({k: v[0] for k, v in online_rows(s, [user_id]).items()} for s in (Service.RETRIEVER, Service.POLICY))
    return Row(features, policy)


def moment(requested_at: datetime | None, device: str | None) -> dict[str, list[Any]]:
    """Request features of one list as columns of one row; all unknown without a moment."""
    time = (
        np.datetime64("NaT", "us")
        if requested_at is None
        else np.datetime64(requested_at.astimezone(UTC).replace(tzinfo=None), "us")
    )
    columns = {name: [int(v) for v in values] for name, values in request_columns(np.array([time])).items()}
    return columns | {"device": [device or UNKNOWN_DEVICE]}


def no_moment(count: int) -> dict[str, list[Any]]:
    """Request features of `count` lists that have no moment: a weekly playlist is for the whole week."""
    return {name: values * count for name, values in moment(None, None).items()}


def week_columns(user_ids: Sequence[str], week: date) -> dict[str, list[Any]]:
    """User features as known at the start of `week`, by point-in-time join, with no moment: lists of n by name.

    The retriever's service has them all; the ranker's asks for a territory of every row, which a listener need not have.
    """
    import pandas as pd

    at = pd.Series(pd.Timestamp(start_of(week)), index=range(len(user_ids))).astype("datetime64[us, UTC]")
    rows = pd.DataFrame({"user_id": list(user_ids), "track_id": _NO_TRACK, "event_timestamp": at})
    names = [ref.partition(":")[2] for ref in views_of(shared_store(), Service.RETRIEVER)[("user_id",)]]
    frame = training_frame(Service.RETRIEVER, rows, only=names)  # no join for the track that is none
    return {name: _whole(name, list(frame[name])) for name in names} | no_moment(len(user_ids))


def _whole(name: str, values: list[Any]) -> list[Any]:
    """A count as an integer, whoever is read beside it: pandas makes floats of a column in which one is missing."""
    if name not in whole_numbers(shared_store(), Service.RETRIEVER):
        return values
    return [int(value) if value == value and value is not None else value for value in values]


def model_columns(user_ids: Sequence[str], columns: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """What the models read: the features, and the id they were trained with. Only features reach a log."""
    return {**columns, "user_id": user_ids}


def listeners_of(
    catalogue: Catalogue,
    user_ids: Sequence[str],
    policy: Mapping[str, Sequence[Any]],
    *,
    days: tuple[date, date],
    discovery: bool,
    territory: str | None = None,
    excluded: Sequence[str] = (),
    adventurousness: float | None = None,
) -> Listeners:
    """The policy's view of n users; `territory` is where they are now, default their account's. Lists for `discovery` repeat
    nothing ever heard, others nothing of the last 60 days. `adventurousness` is the dial of this one list, default what each
    has set; without it only lists for discovery explore."""
    heard, lately = _heard(catalogue, policy, len(user_ids))
    accounts = [catalogue.account(user) for user in user_ids]
    said = policy.get("explicit_allowed") or [None] * len(user_ids)
    return Listeners(
        ids=list(user_ids),
        territory=[territory or place for place, _ in accounts],
        explicit_allowed=np.array([bool(a) and s is not False for (_, a), s in zip(accounts, said, strict=True)], dtype=bool),
        heard=heard if discovery else lately,
        disliked=_rows(catalogue, policy.get("disliked_tracks"), len(user_ids)),
        excluded=[catalogue.rows(excluded)] * len(user_ids),
        first=days[0],
        last=days[1],
        disliked_artists=coded(catalogue.artist_codes, policy.get("disliked_artists") or [None] * len(user_ids)),
        **_mixes(catalogue, policy, len(user_ids)),
        habit=np.array([_habit(catalogue, rows) for rows in lately], dtype=np.float32),
        discovery=discovery,
        saved=_rows(catalogue, policy.get("saved_tracks"), len(user_ids)),
        adventurousness=_dials(policy, len(user_ids), adventurousness if discovery else adventurousness or 0.0),
    )


def with_days(catalogue: Catalogue, one: Listeners, before: datetime) -> Listeners:
    """One listener, with the day they last heard each track before a moment: only the inspector asks for it."""
    days = {catalogue.row(track): day for track, day in last_listens(one.ids[0], before).items()}
    return replace(one, heard_on=[days])


def nobody(*, territory: str | None, explicit_allowed: bool, excluded: Rows, day: date) -> Listeners:
    """A list for no one in particular: the neighbours of a track."""
    return Listeners(
        [""],
        [territory],
        np.array([explicit_allowed]),
        heard=[NOTHING],
        disliked=[NOTHING],
        excluded=[excluded],
        first=day,
        last=day,
    )


def owner_of(
    catalogue: Catalogue, user_id: str, refused: Mapping[str, Any], *, days: tuple[date, date], territory: str | None
) -> Listeners:
    """The policy's view of one whose playlist is stored: where they are, what their account allows, and of their row what they
    `refused`. Not what they heard, which may be the playlist itself, nor what only the making of a list asks for."""
    tracks, artists = ([refused.get(name)] for name in REFUSED)
    return Listeners(
        [user_id],
        [territory],
        np.array([catalogue.account(user_id)[1]]),
        heard=[NOTHING],
        disliked=_rows(catalogue, tracks, 1),
        excluded=[NOTHING],
        first=days[0],
        last=days[1],
        disliked_artists=coded(catalogue.artist_codes, artists),
    )


def _dials(policy: Mapping[str, Sequence[Any]], count: int, wanted: float | None) -> Floats:
    """How adventurous each list is to be (n,): as the request says, else as the profile does, else NaN."""
    said = [wanted] * count if wanted is not None else policy.get("adventurousness") or [None] * count
    return np.clip(np.array([np.nan if value is None else value for value in said], dtype=np.float32), 0, 1)


def _rows(catalogue: Catalogue, lists: Sequence[Any] | None, count: int) -> list[Rows]:
    return [catalogue.rows(tracks) if is_list(tracks) else NOTHING for tracks in lists or [None] * count]


def _heard(catalogue: Catalogue, policy: Mapping[str, Sequence[Any]], count: int) -> tuple[list[Rows], list[Rows]]:
    """What each user ever heard, and what in the last 60 days: the first `heard_60d` of it; all where nobody counted."""
    tracks, numbers = policy.get("heard_tracks") or [None] * count, policy.get("heard_60d")
    places = [catalogue.places(some) if is_list(some) else NOTHING for some in tracks]
    heard = [rows[rows >= 0] for rows in places]
    if policy.get("heard_tracks") is None or numbers is None:
        return heard, heard
    recent = [rows[:number] for rows, number in zip(places, numbers, strict=True)]
    return heard, [rows[rows >= 0] for rows in recent]


def coded(codes: Mapping[str, int], lists: Sequence[Any]) -> list[Rows]:
    """For each list of names the codes of those that are known."""
    names = [values if is_list(values) else () for values in lists]
    return [np.array([codes[name] for name in some if name in codes], dtype=np.int32) for some in names]


def _mixes(catalogue: Catalogue, policy: Mapping[str, Sequence[Any]], count: int) -> dict[str, Any]:
    """Each user's genres as codes and their shares (n, g)."""
    names, parts = ([v if is_list(v) else () for v in policy.get(c) or [None] * count] for c in _MIX)
    width = max(map(len, names), default=0)
    genres, shares = np.full((count, width), -1, dtype=np.int32), np.zeros((count, width), dtype=np.float32)
    for who, (theirs, share) in enumerate(zip(names, parts, strict=True)):
        genres[who, : len(theirs)] = [catalogue.genres.get(name, -1) for name in theirs]
        shares[who, : len(share)] = share
    return {"genres": genres, "genre_shares": shares}


def _habit(catalogue: Catalogue, lately: Rows) -> float:
    """The mean log-popularity of what a user heard lately, of the tracks that anybody plays now; NaN for too few of them, and
    for one who hears what few others do."""
    popularity = catalogue.log_plays[lately]
    popularity = popularity[popularity > 0]
    habit = float(popularity.mean(dtype=np.float64)) if len(popularity) >= HABIT_TRACKS else np.nan
    return habit if habit > catalogue.usual_log_plays + HABIT_ABOVE else np.nan
