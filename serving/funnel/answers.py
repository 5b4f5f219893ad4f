"""From funnel arrays to the lists people get and the records the prediction log keeps; the only place that makes either."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from segue.names import Fallback
from segue.predictions import Explored, PredictedTrack, Prediction
from segue.pseudonyms import pseudonym
from segue.requests import RecommendedTrack, RemovedTrack, TrackList
from serving.funnel.funnel import Funnel
from serving.funnel.lists import SOURCES, Lists, Taken
from serving.funnel.reasons import Codes, in_words
from serving.policy.order import rules
from serving.policy.rule import Floats, Listeners, Removal
from serving.tracks.catalogue import NO_TRACK, Catalogue, Rows

SCORE_PLACES, PROPENSITY_PLACES, DEVIATION_PLACES = 6, 8, 4
"""Decimals a score keeps: more would differ with the width of a batch, as sums in another order do."""


def tracks_of(catalogue: Catalogue, lists: Lists, reasons: Codes) -> list[RecommendedTrack]:
    """The tracks of the first of some lists, best first, with one reason each, of which `reasons` (n, k) are the codes."""
    length = int(lists.lengths()[0])
    return [
        RecommendedTrack(
            **labels(catalogue, int(row)),
            score=round(float(score), SCORE_PLACES),
            source=SOURCES[source],
            reason=in_words(catalogue, int(row), code),
        )
        for row, score, source, code in zip(
            *(of[0, :length] for of in (lists.rows, lists.score, lists.source, reasons)), strict=True
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
            **labels(funnel.catalogue, int(row)),
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
        features=orjson.loads(as_json(features)) if features is not None else None,
        batch_request_id=made,
        explored=explored,
        dial=dial,
        tracks=[
            PredictedTrack(track_id=t.track_id, score=t.score, source=t.source, reason=t.reason, propensity=chance)
            for t, chance in zip(answer.tracks, chances, strict=True)
        ],
        latency_ms=round(latency_ms, 3),
    )


def propensities_of(lists: Lists) -> list[list[float]]:
    """The propensity of each track of n lists, as long as these are."""
    return cut(rounded(lists.propensity, PROPENSITY_PLACES).tolist(), lists)


def dials_of(lists: Lists) -> list[float | None]:
    """How adventurous each of n lists was to be; None where no list of its kind explores."""
    dials: list[float | None] = [None] * len(lists.rows) if lists.tried is None else rounded(lists.tried.dial, 4).tolist()
    return dials


def explored_of(catalogue: Catalogue, lists: Lists) -> list[str | None]:
    """What the exploring slots of n lists chose from, an `Explored` as JSON each; None for a list that has none."""
    tried, texts = lists.tried, []
    if tried is None:
        return [None] * len(lists.rows)
    there = (tried.rows != NO_TRACK).sum(axis=1).tolist()  # the best come first, so what is there are the first ones
    candidates = catalogue.ids[np.maximum(tried.rows, 0)]
    mean, deviation, worth, propensity = (
        rounded(of, PROPENSITY_PLACES) for of in (tried.mean, tried.deviation, tried.worth, tried.propensity)
    )
    of_genre, newness, tilt = (rounded(of, DEVIATION_PLACES) for of in (tried.of_genre, tried.newness, tried.tilt))
    for who, (count, took) in enumerate(zip(there, tried.took.tolist(), strict=True)):
        chosen = [
            {"took": one, "worth": worth[who, slot, :count], "propensity": propensity[who, slot, :count]}
            for slot, one in enumerate(took)
            if one >= 0
        ]
        said = {"candidates": candidates[who, :count].tolist(), "mean": mean[who, :count], "deviation": deviation[who, :count]}
        said |= {"genre": tried.genre[who, :count], "artist": tried.artist[who, :count], "of_genre": of_genre[who, :count]}
        said |= {"newness": newness[who, :count], "tilt": tilt[who]}
        texts.append(orjson.dumps(said | {"slots": chosen}, option=orjson.OPT_SERIALIZE_NUMPY).decode() if chosen else None)
    return texts


def rounded(values: Floats, places: int) -> npt.NDArray[np.float64]:
    """Numbers with so many decimals, in the precision Python has."""
    numbers: npt.NDArray[np.float64] = values.astype(np.float64)
    return numbers.round(places)


def cut(values: list[list[Any]], lists: Lists) -> list[list[Any]]:
    """Of values (n, k) those that belong to a track."""
    return [of[:length] for of, length in zip(values, lists.lengths().tolist(), strict=True)]


def weekly_request_id(user: str, week: date, release: str) -> str:
    """The same for the same pseudonym, week and release: making a playlist again is the same request. From the pseudonym,
    which has a key, because an id made from the user id could be found again by guessing user ids."""
    return hashlib.sha256(f"{user}\x00{week.isoformat()}\x00{release}".encode()).hexdigest()[:32]


def as_json(features: Mapping[str, Any]) -> str:
    """A row of features as JSON, in the order of their names; not-a-number is null."""
    return orjson.dumps(features, default=_plain, option=orjson.OPT_SORT_KEYS).decode()


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays as Python's."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a feature cannot be {type(value).__name__}")
