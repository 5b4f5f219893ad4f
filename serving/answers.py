"""From funnel arrays to the lists people get and the records the prediction log keeps; the only place that makes either."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np

from segue.names import Fallback
from segue.predictions import Explored, ExploredSlot, PredictedTrack, Prediction
from segue.pseudonyms import pseudonym
from segue.requests import RecommendedTrack, RemovedTrack, TrackList
from serving.catalogue import NO_TRACK, Catalogue, Rows
from serving.funnel import Funnel
from serving.lists import SOURCES, Lists, Taken
from serving.policy.order import rules
from serving.policy.rule import Floats, Listeners, Removal

SCORE_PLACES, PROPENSITY_PLACES = 6, 8
"""Decimals a score keeps: more would differ with the width of a batch, as sums in another order do."""


def tracks_of(catalogue: Catalogue, lists: Lists, who: int, reasons: list[str]) -> list[RecommendedTrack]:
    """The tracks of list `who`, best first, with one reason each."""
    length = int(lists.lengths()[who])
    return [
        RecommendedTrack(
            **labels(catalogue, int(row)),
            score=round(float(score), SCORE_PLACES),
            source=SOURCES[source],
            reason=reason,
        )
        for row, score, source, reason in zip(
            lists.rows[who, :length], lists.score[who, :length], lists.source[who, :length], reasons, strict=True
        )
    ]


def labels(catalogue: Catalogue, row: int) -> dict[str, Any]:
    """What a track is called."""
    return {
        "track_id": catalogue.ids[row],
        "title": catalogue.title[row],
        "artist_id": catalogue.artist_id[row],
        "artist_name": catalogue.artist_name[row],
    }


def removed_of(funnel: Funnel, listeners: Listeners, removed: Taken, kept: Rows) -> list[RemovedTrack]:
    """What was removed from one listener's candidates and by which rule, in words."""
    stayed = set(kept.tolist())
    return [
        RemovedTrack(
            track_id=funnel.catalogue.ids[row],
            rule=rules()[rule].name,
            reason=rules()[rule].reason(Removal(listeners, funnel.catalogue, 0, int(row), funnel.policy)),
        )
        for row, rule in zip(removed.rows, removed.rule, strict=True)
        if row not in stayed
    ]


def chart_fallback(catalogue: Catalogue, territory: str | None) -> Fallback:
    """The name of the popularity fallback for a listener in `territory`."""
    return Fallback.NEW_USER if catalogue.popular(territory).territory is not None else Fallback.WORLDWIDE


def prediction_of(
    answer: TrackList,
    *,
    at: datetime,
    territory: str | None,
    features: Mapping[str, Any] | None,
    latency_ms: float,
    stored: bool,
    propensities: Sequence[float | None] | None = None,
    explored: Explored | None = None,
    dial: float | None = None,
) -> Prediction:
    """The log record of an answer; the user becomes a pseudonym here. One with a `stored` playlist names the record of the
    batch that made it, and that one has the propensities; without any, nothing was left to chance."""
    chances = propensities or [None if stored else 1.0] * len(answer.tracks)
    user = pseudonym(answer.user_id) if answer.user_id else None
    made = weekly_request_id(user, answer.week, answer.release) if stored and user and answer.week and answer.release else None
    return Prediction(
        request_id=answer.request_id,
        at=at,
        surface=answer.surface,
        user=user,
        release=answer.release,
        week=answer.week,
        fallback=answer.fallback,
        territory=territory,
        features={name: plain(value) for name, value in features.items()} if features is not None else None,
        batch_request_id=made,
        explored=explored,
        dial=dial,
        tracks=[
            PredictedTrack(track_id=t.track_id, score=t.score, source=t.source, reason=t.reason, propensity=chance)
            for t, chance in zip(answer.tracks, chances, strict=True)
        ],
        latency_ms=round(latency_ms, 3),
    )


def propensities_of(lists: Lists, who: int) -> list[float]:
    """The propensity of each track of list `who`."""
    chances: list[float] = np.round(
        lists.propensity[who, : int(lists.lengths()[who])].astype(float), PROPENSITY_PLACES
    ).tolist()
    return chances


def dial_of(lists: Lists, who: int) -> float | None:
    """How adventurous list `who` was to be; None where no list of its kind explores."""
    return round(float(lists.tried.dial[who]), 4) if lists.tried is not None else None


def explored_of(catalogue: Catalogue, lists: Lists, who: int) -> Explored | None:
    """What the exploring slots of list `who` chose from; None where it has none."""
    tried = lists.tried
    if tried is None or not (tried.took[who] >= 0).any():
        return None
    there = tried.rows[who] != NO_TRACK  # the best come first, so what is there are the first ones

    def numbers(values: Floats) -> list[float]:
        rounded: list[float] = np.round(values[there].astype(float), PROPENSITY_PLACES).tolist()
        return rounded

    return Explored(
        candidates=catalogue.ids[tried.rows[who][there]].tolist(),
        mean=numbers(tried.mean[who]),
        deviation=numbers(tried.deviation[who]),
        slots=[
            ExploredSlot(took=int(took), worth=numbers(worth), propensity=numbers(chance))
            for took, worth, chance in zip(tried.took[who], tried.worth[who], tried.propensity[who], strict=True)
            if took >= 0
        ],
    )


def weekly_request_id(user: str, week: date, release: str) -> str:
    """The same for the same pseudonym, week and release: making a playlist again is the same request. From the pseudonym,
    which has a key, because an id made from the user id could be found again by guessing user ids."""
    return hashlib.sha256(f"{user}\x00{week.isoformat()}\x00{release}".encode()).hexdigest()[:32]


def plain(value: Any) -> Any:
    """A feature as JSON can hold it: NumPy's numbers and arrays as Python's, not-a-number as null."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list) and set(map(type, value)) == {str}:
        return value  # hundreds of tracks: none of them needs a look of its own
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
