"""The prediction log: one record for every list answered, with the features it was made from or where they are.

JSON Lines under `predictions/day=YYYY-MM-DD/`, one file per writing process, appended. Users are pseudonyms. A weekly
playlist has a record from the batch that made it (`weekly-RELEASE.jsonl` under the first day of its week), with its
features, and one for every time it was asked for, which names that record instead of holding the features again.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel

from segue.names import Fallback, Surface


class PredictedTrack(BaseModel):
    track_id: str
    score: float
    source: str
    reason: str


class Prediction(BaseModel):
    """One answer.

    `user` is `segue.pseudonyms.pseudonym(user_id)`. `features` are the user row and request features that went into the
    models, by name, as read from Feast; null in a fallback that used none, and in the answer with a stored weekly playlist:
    its `batch_request_id` is the `request_id` of the record, with the same user, week and release, that holds them.
    `score` is the funnel's final score.
    """

    request_id: str
    at: datetime
    surface: Surface
    user: str | None
    release: str | None
    week: date | None = None
    fallback: Fallback | None = None
    territory: str | None = None
    features: dict[str, Any] | None = None
    batch_request_id: str | None = None
    tracks: list[PredictedTrack]
    latency_ms: float
