"""The prediction log: one record for every list answered, with the features it was made from or where they are.

JSON Lines under `predictions/day=YYYY-MM-DD/`, one file per writing process, appended. Users are pseudonyms. A weekly
playlist has a record from the batch that made it (`weekly-RELEASE.jsonl` under the first day of its week), with its
features, and one for every time it was asked for, which names that record instead of holding the features again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from segue.home import get_home
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


def shown_between(since: datetime, until: datetime) -> Iterator[Prediction]:
    """The lists somebody was shown in `[since, until)`, personal ones only. A playlist counts when it was asked for, not
    when the batch made it; a line that a killed process left half written is passed over."""
    for path in sorted(get_home().predictions.glob("day=*/http-*.jsonl")):
        if since.date() <= date.fromisoformat(path.parent.name.removeprefix("day=")) <= until.date():
            for line in path.read_bytes().splitlines():
                try:
                    prediction = Prediction.model_validate_json(line)
                except ValidationError:
                    continue
                if prediction.user and prediction.fallback is None and since <= prediction.at < until:
                    yield prediction
