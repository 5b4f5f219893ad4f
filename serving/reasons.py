"""Why a kept track is in a list, in words a listener understands, from the same features the models saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from serving.catalogue import NO_TRACK, Catalogue, Rows
from serving.funnel import Funnel
from serving.lists import FOLLOWING, POPULAR, SIMILAR, Lists
from serving.policy.order import LIST_RULES
from serving.policy.selection import BY_RANK, EXPLORED

CLOSE = 0.6
"""Cosine from which a track is close enough to a recent one to say so."""
RECENT = 20


def personal_reasons(
    funnel: Funnel, features: Mapping[str, Any], saved: Any, lists: Lists, who: int, territory: str | None
) -> list[str]:
    """One reason for each track of list `who`; `saved` are the track ids they saved. The nearest truth first: an artist they
    saved or often play, the rule or the exploration that brought it in, a track they just played, a genre they listen to."""
    catalogue, rows = funnel.catalogue, lists.rows[who][lists.rows[who] != NO_TRACK]
    sources, moved_by = lists.source[who].tolist(), lists.moved_by[who].tolist()
    artists, genres = set(_items(features.get("top_artists"))), set(_items(features.get("top_genres")))
    kept = set(catalogue.artist_id[catalogue.rows(_items(saved))].tolist()) - {None}
    recent = catalogue.rows(_items(features.get("recent_tracks"))[:RECENT])
    nearest, cosines = _nearest(funnel, rows, recent)
    out = []
    for place, (row, artist) in enumerate(zip(rows.tolist(), catalogue.artist_id[rows].tolist(), strict=True)):
        if sources[place] == POPULAR:
            out.append(popular_reason(catalogue, row, territory))
        elif artist in kept:
            out.append("from an artist you saved")
        elif artist in artists:
            out.append(f"because you often play {catalogue.artist_name[row] or artist}")
        else:
            moved = _moved(catalogue, row, moved_by[place])
            out.append(moved or _by_sound(catalogue, row, nearest[place], cosines[place], genres))
    return out


def _nearest(funnel: Funnel, rows: Rows, recent: Rows) -> tuple[list[int], list[float]]:
    """Of the `recent` tracks the one most like each of `rows`, as a catalogue row, and its cosine."""
    if not len(recent):
        return [NO_TRACK] * len(rows), [0.0] * len(rows)
    closeness = funnel.vectors_of(rows) @ funnel.vectors_of(recent).T
    return recent[closeness.argmax(axis=1)].tolist(), closeness.max(axis=1).tolist()


def _moved(catalogue: Catalogue, row: int, moved_by: int) -> str | None:
    """What brought a track in that its score alone would not have; None if that says nothing."""
    if moved_by == EXPLORED:
        named = catalogue.artist_name[row] or catalogue.genre[row]
        return f"something to try: {named}" if named else "something to try"
    return LIST_RULES[moved_by].moved_in(catalogue, row) if moved_by != BY_RANK else None


def _by_sound(catalogue: Catalogue, row: int, nearest: int, cosine: float, genres: set[str]) -> str:
    genre = catalogue.genre[row]
    if nearest >= 0 and cosine >= CLOSE:
        return f"similar to {_title(catalogue, nearest)} you played recently"
    if genre in genres:
        return f"matches your {genre} listening"
    if nearest >= 0 and cosine > 0:
        return f"a step away from {_title(catalogue, nearest)} you played recently"
    return "played by listeners with a taste like yours"


def similar_reasons(catalogue: Catalogue, seed: int, rows: Rows, sources: Any, territory: str | None) -> list[str]:
    """One reason for each neighbour of the track `seed`."""
    close = f"similar to {_title(catalogue, seed)}"
    return [
        close if source == SIMILAR else popular_reason(catalogue, int(row), territory)
        for row, source in zip(rows, sources, strict=True)
    ]


def radio_reasons(catalogue: Catalogue, session: Rows, rows: Rows, sources: Any, territory: str | None) -> list[str]:
    """One reason for each track that goes on from a running session, catalogue rows (s,), the last one playing."""
    goes_on = f"goes well after {_title(catalogue, int(session[-1]))}"
    return [
        goes_on if source == FOLLOWING else popular_reason(catalogue, int(row), territory)
        for row, source in zip(rows, sources, strict=True)
    ]


def popular_reason(catalogue: Catalogue, row: int, territory: str | None) -> str:
    """Popular where it was played; said as it is when it was played nowhere."""
    chart = catalogue.popular(territory)
    if chart.territory is not None and chart.share[row] > 0:
        return f"popular in {chart.territory}"
    return "popular worldwide" if catalogue.plays[row] > 0 else "new to most listeners"


def _title(catalogue: Catalogue, row: int) -> str:
    return catalogue.title[row] or catalogue.ids[row]


def _items(values: Any) -> list[str]:
    return list(values) if np.ndim(values) == 1 else []
