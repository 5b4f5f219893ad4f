"""The prediction log: one record for every list answered, with the features it was made from or where they are.

JSON Lines under `predictions/day=YYYY-MM-DD/`, one file per writing process, appended. Users are pseudonyms. A weekly
playlist has a record from the batch that made it (`weekly-RELEASE.jsonl` under the first day of its week), with its
features, and one for every time it was asked for, which names that record instead of holding the features again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from segue.home import get_home
from segue.names import Fallback, Surface


class PredictedTrack(BaseModel):
    """`propensity` is the chance that the policy put this track here, given what it put in before; 1 where nothing was left to
    chance, null in records older than it and in answers with a stored playlist, whose batch record has it. `reason` is in
    words where somebody was answered, and the code of them (`serving.funnel.reasons`) where the batch made a playlist."""

    track_id: str
    score: float
    source: str
    reason: str
    propensity: float | None = None


class ExploredSlot(BaseModel):
    """One slot that explored: which candidate it `took`, by number, and the worth and the propensity of all of them, 0 where
    the policy had closed one by then."""

    took: int
    worth: list[float]
    propensity: list[float]


class Explored(BaseModel):
    """What the exploring slots of a list chose from: track ids, and what was believed of each, the mean and the deviation of
    the log of its save rate relative to the usual. What is drawn of a genre and of an artist is one draw for all of it: equal
    codes of `genre` and `artist` share one, and `of_genre` is the part of the first in the deviation; records older than these
    have none. A code means nothing beyond its record. How new each is to the listener, from 0 to 1, is its `newness`, and its
    worth has `tilt` times as much of it, by the dial of the list and the policy of then."""

    candidates: list[str]
    mean: list[float]
    deviation: list[float]
    genre: list[int] = []
    artist: list[int] = []
    of_genre: list[float] = []
    newness: list[float] = []
    tilt: float = 0.0
    slots: list[ExploredSlot]


class Prediction(BaseModel):
    """One answer.

    `user` is `segue.pseudonyms.pseudonym(user_id)`. `features` are the user row and request features that went into the
    models, by name, as read from Feast; null in a fallback that used none, and in the answer with a stored weekly playlist:
    its `batch_request_id` is the `request_id` of the record, with the same user, week and release, that holds them.
    `score` is the funnel's final score. `explored` is null where no slot explored; `dial` is how
    adventurous a personal list was to be, from 0 to 1.
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
    explored: Explored | None = None
    dial: float | None = None
    tracks: list[PredictedTrack]
    latency_ms: float


def shown_between(since: datetime, until: datetime) -> Iterator[Prediction]:
    """The lists somebody was shown in `[since, until)`, personal ones only. A playlist counts when it was asked for, not
    when the batch made it; a line that a killed process left half written is passed over."""
    for path in answer_logs(since, until):
        for line in path.read_bytes().splitlines():
            prediction = _read(line)
            if prediction is not None and prediction.user and prediction.fallback is None and since <= prediction.at < until:
                yield prediction


def answer_logs(since: datetime, until: datetime) -> list[Path]:
    """The logs of what was answered on the days of `[since, until)`, by day and name: an answer is under its own day."""
    first, last = since.date(), (until - datetime.resolution).date()
    paths = sorted(get_home().predictions.glob("day=*/http-*.jsonl"))
    return [path for path in paths if first <= date.fromisoformat(path.parent.name.removeprefix("day=")) <= last]


def explored_between(first: date, last: date) -> Iterator[Prediction]:
    """The lists with exploring slots that were made for weeks beginning, or asked for on days, from `first` to `last`."""
    for path in _logs():
        if first <= date.fromisoformat(path.parent.name.removeprefix("day=")) <= last:
            with path.open("rb") as lines:
                for line in lines:
                    if b'"explored":{' in line and (prediction := _read(line)) and prediction.explored:
                        yield prediction


def weekly_predictions(week: date) -> Iterator[Prediction]:
    """The records of a week's playlists, as the last batch made them."""
    batches = _batches(get_home().predictions / f"day={week.isoformat()}")
    for path in batches[-1:]:
        with path.open("rb") as lines:
            yield from (prediction for line in lines if (prediction := _read(line)) is not None)


def _logs() -> list[Path]:
    """Every log of answers, and of each week's batches the last: the lists of the others are seen by nobody any more."""
    paths: list[Path] = []
    for folder in sorted(get_home().predictions.glob("day=*")):
        paths += [*sorted(folder.glob("http-*.jsonl")), *_batches(folder)[-1:]]
    return paths


def _batches(folder: Path) -> list[Path]:
    return sorted(folder.glob("weekly-*.jsonl"), key=lambda path: path.stat().st_mtime_ns)


def _read(line: bytes) -> Prediction | None:
    """A record; None of a line that a killed process left half written."""
    try:
        return Prediction.model_validate_json(line)
    except ValidationError:
        return None
