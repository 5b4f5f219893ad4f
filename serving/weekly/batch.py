"""Playlists of many users at once: reads their features in blocks, runs the funnel in batches, yields plain rows.

Chance has a seed of user, week and release, so making a week again from the same features gives it again, to the byte. What
the next `segue features` brings counts in what is made after it: what was heard, saved and disliked, the dial, licences.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.dates import days_of_week
from segue.features import online_rows
from segue.names import Service
from segue.playlists import PLAYLIST_LENGTH
from segue.settings import get_settings
from serving.funnel.answers import SCORE_PLACES, as_json, cut, dials_of, explored_of, propensities_of
from serving.funnel.funnel import Funnel
from serving.funnel.lists import SOURCES, Lists
from serving.funnel.people import has_history, listeners_of, model_columns, week_columns
from serving.funnel.reasons import chart_reasons, personal_reasons
from serving.policy.rule import Listeners

BLOCK = 5_000
"""Users whose policy facts are read together, and whose lists are made from them."""
READ = 10 * BLOCK
"""Users whose features are joined together: a join reads whole row groups of a snapshot (122,880 users) and, for who has no
row on its day, those of older ones, and this many share that. Their features are in memory until the last has a list."""
BATCH = 256
"""Users scored together: 256 times 500 candidates keep a matrix near 64 MB at 128 float32 a candidate."""
MOST_CELLS = 50_000_000
"""Users times tracks a batch may span, so that exact search over a large catalogue stays within memory."""

SWITCH_SECONDS = 0.0005
"""How long a maker in Python keeps the interpreter from another whose array operation has ended; Python's own is ten times as
long as most of these take."""

Row = dict[str, Any]
_SOURCES = np.array([source.value for source in SOURCES], dtype=object)


def week_rows(
    funnel: Funnel, user_ids: Sequence[str], week: date, *, adventurousness: float | None = None, makers: int = 1
) -> Iterator[list[Row]]:
    """Blocks of rows, one per user in the order given: `user_id`, `territory`, `track_ids`, `scores`, `sources`, `reasons`
    (codes), `propensities`, `dial`, and as JSON `explored` and `features`, null where the list explored nothing or used none.
    `adventurousness` is the dial of all these lists, default what each user has set; so many `makers` work at once."""
    width = batch_width(len(funnel.catalogue))
    for first in range(0, len(user_ids), READ):
        joined = list(user_ids[first : first + READ])
        read = week_columns(joined, week)
        for start in range(0, len(joined), BLOCK):
            block = slice(start, start + BLOCK)
            users, columns = joined[block], _cut(read, block)
            policy = online_rows(Service.POLICY, users)
            if adventurousness is not None:
                policy["adventurousness"] = [adventurousness] * len(users)
            parts = [slice(at, at + width) for at in range(0, len(users), width)]
            yield from made_of(partial(_part_of, funnel, users, columns, policy, week), parts, makers)
        del read, columns  # before the next ones are read


def _part_of(funnel: Funnel, users: list[str], columns: Row, policy: Row, week: date, part: slice) -> list[Row]:
    return batch_rows(funnel, users[part], _cut(columns, part), _cut(policy, part), week)


def made_of(make: Callable[[slice], list[Row]], parts: Sequence[slice], makers: int) -> Iterator[list[Row]]:
    """What `make` makes of each part, in order; by so many threads, which most of the work lets run side by side."""
    gc.freeze()  # the catalogue stays: or the collector walks over all of it again and again
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        with ThreadPoolExecutor(makers, thread_name_prefix="maker") as threads:
            yield from threads.map(make, parts)
    finally:
        sys.setswitchinterval(interval)
        gc.unfreeze()


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
        _put(rows, personal, funnel, listeners.some(personal), lists, theirs)
    if len(others):
        lists = funnel.popular(listeners.some(others), PLAYLIST_LENGTH)
        _put(rows, others, funnel, listeners.some(others), lists, None)
    return rows


def _put(
    out: list[Row],
    places: npt.NDArray[np.intp],
    funnel: Funnel,
    listeners: Listeners,
    lists: Lists,
    columns: Mapping[str, Sequence[Any]] | None,
) -> None:
    """Rows of n lists, and of the features they were made from if any were, into their places (n,)."""
    catalogue = funnel.catalogue
    if columns is None:
        reasons = chart_reasons(catalogue, lists, listeners.territory)
        features: Sequence[str | None] = [None] * len(listeners)
    else:
        reasons = personal_reasons(funnel, listeners, lists, columns)
        features = [as_json(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
    made = {
        "user_id": listeners.ids,
        "territory": listeners.territory,
        "track_ids": cut(catalogue.ids[np.maximum(lists.rows, 0)].tolist(), lists),
        "scores": cut(np.round(lists.score.astype(np.float32), SCORE_PLACES).tolist(), lists),  # as a staged file holds them
        "sources": cut(_SOURCES[lists.source].tolist(), lists),
        "reasons": cut(reasons.tolist(), lists),
        "propensities": propensities_of(lists),
        "dial": dials_of(lists),
        "explored": explored_of(catalogue, lists),
        "features": features,
    }
    for place, row in zip(places.tolist(), zip(*made.values(), strict=True), strict=True):
        out[place] = dict(zip(made, row, strict=True))


def _cut(columns: Mapping[str, Sequence[Any]], part: slice) -> Row:
    return {name: list(values[part]) for name, values in columns.items()}
