"""Playlists of many users at once: reads their features in blocks, runs the funnel in batches, yields plain rows.

Chance has a seed of these, so a playlist follows from the user, the week and the release alone, and making it again gives
it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.dates import days_of_week
from segue.features import online_rows
from segue.names import Service
from segue.playlists import PLAYLIST_LENGTH
from segue.settings import get_settings
from serving.answers import SCORE_PLACES, dial_of, explored_of, plain, propensities_of
from serving.funnel import Funnel
from serving.lists import SOURCES, Lists
from serving.people import has_history, listeners_of, model_columns, week_columns
from serving.policy.rule import Listeners
from serving.reasons import personal_reasons, popular_reason

BLOCK = 5_000
"""Users whose features are read together: one point-in-time join each."""
BATCH = 256
"""Users scored together: 256 times 500 candidates keep a matrix near 64 MB at 128 float32 a candidate."""
MOST_CELLS = 50_000_000
"""Users times tracks a batch may span, so that exact search over a large catalogue stays within memory."""

Row = dict[str, Any]


def week_rows(
    funnel: Funnel, user_ids: Sequence[str], week: date, *, adventurousness: float | None = None
) -> Iterator[list[Row]]:
    """Blocks of rows, one per user in the order given: `user_id`, `territory`, `track_ids`, `scores`, `sources`, `reasons`,
    `propensities`, `dial`, and as JSON `explored` and `features`, null where the list explored nothing or used none.
    `adventurousness` is the dial of all these lists, default what each user has set."""
    width = batch_width(len(funnel.catalogue))
    for start in range(0, len(user_ids), BLOCK):
        users = list(user_ids[start : start + BLOCK])
        columns, policy = week_columns(users, week), online_rows(Service.POLICY, users)
        if adventurousness is not None:
            policy["adventurousness"] = [adventurousness] * len(users)
        for first in range(0, len(users), width):
            part = slice(first, first + width)
            yield batch_rows(funnel, users[part], _cut(columns, part), _cut(policy, part), week)


def batch_width(tracks: int) -> int:
    """Users scored together over a catalogue of so many tracks; where there is an index, no batch spans them all."""
    spanned = min(tracks, get_settings().exact_search_below)
    return max(1, min(BATCH, MOST_CELLS // max(1, spanned)))


def batch_rows(funnel: Funnel, users: list[str], columns: Row, policy: Row, week: date) -> list[Row]:
    """Rows of users scored together, from their `columns` for the models and the facts of the `policy` service, n each."""
    listeners = listeners_of(funnel.catalogue, users, policy, days=days_of_week(week), discovery=True)
    known = np.array([has_history(r, h) for r, h in zip(columns["recent_tracks"], policy["heard_tracks"], strict=True)])
    rows: list[Row] = [{}] * len(users)
    personal, others = np.flatnonzero(known), np.flatnonzero(~known)
    if len(personal):
        theirs = {name: [values[i] for i in personal] for name, values in columns.items()}
        inputs = model_columns([users[i] for i in personal], theirs)
        lists = funnel.personal(listeners.some(personal), inputs, PLAYLIST_LENGTH)
        saved = [policy["saved_tracks"][i] for i in personal]
        _put(rows, personal, funnel, listeners, lists, theirs, saved)
    if len(others):
        lists = funnel.popular(listeners.some(others), PLAYLIST_LENGTH)
        _put(rows, others, funnel, listeners, lists, None)
    return rows


def _put(
    out: list[Row],
    places: npt.NDArray[np.intp],
    funnel: Funnel,
    listeners: Listeners,
    lists: Lists,
    columns: Mapping[str, Sequence[Any]] | None,
    saved: Sequence[Any] = (),
) -> None:
    for number, (place, length) in enumerate(zip(places, lists.lengths(), strict=True)):
        rows, sources = lists.rows[number, :length], lists.source[number, :length]
        territory = listeners.territory[place]
        features = {name: plain(values[number]) for name, values in columns.items()} if columns else None
        if features is None:
            reasons = [popular_reason(funnel.catalogue, int(row), territory) for row in rows]
        else:
            reasons = personal_reasons(funnel, features, saved[number], lists, number, territory)
        tried = explored_of(funnel.catalogue, lists, number)
        out[place] = {
            "user_id": listeners.ids[place],
            "territory": territory,
            "track_ids": funnel.catalogue.ids[rows].tolist(),
            "scores": np.round(lists.score[number, :length].astype(np.float32), SCORE_PLACES).tolist(),
            "sources": [SOURCES[source].value for source in sources],
            "reasons": reasons,
            "propensities": propensities_of(lists, number),
            "dial": dial_of(lists, number),
            "explored": tried.model_dump_json() if tried is not None else None,
            "features": json.dumps(features, sort_keys=True) if features is not None else None,
        }


def _cut(columns: Mapping[str, Sequence[Any]], part: slice) -> Row:
    return {name: list(values[part]) for name, values in columns.items()}
