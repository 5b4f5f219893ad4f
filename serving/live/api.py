"""The HTTP routes: validate, ask the recommender, log, answer. `/v1/openapi.json` documents all of it, failures too."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

import segue
from segue.events import Id, Territory
from segue.requests import MAX_COUNT, EventBatch, EventsAccepted, Problem, RecommendRequest, TrackList
from serving.live import metrics, recommender
from serving.live.event_log import EventLog
from serving.live.live_funnel import LiveFunnel, feature_store_answers
from serving.live.prediction_log import PredictionLog
from serving.live.problems import handle_problems
from serving.live.refusals import Refusals
from serving.live.shown_week import SHOWN
from serving.live.store_watch import StoreWatch

INVALID: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The request is not valid; the sentence says what to change"},
    413: {"model": Problem, "description": "The body is too large"},
    500: {"model": Problem, "description": "A defect of the service"},
    503: {"model": Problem, "description": "The feature store or the catalogue cannot be read, or the store lost its rows"},
}

EXPLAIN = "also return what was kept out of the list, each track with the rule and in words"

IdInPath = Annotated[Id, Path(description="percent-encoded; an id may hold a slash, written %2F")]
"""Servers decode %2F before they look for a route, so the routes take a whole `path` where others take a segment."""


EVENTS = """What was disliked is out of the listener's lists from the next one on, of another worker within a second or two.
All else shows in lists after the next daily build of the features."""


class Health(BaseModel):
    alive: bool


class Readiness(BaseModel):
    """`error` is null when ready. `refused` names a release the pointer asks for and this process would not load."""

    ready: bool
    error: str | None = None
    release: str | None = None
    refused: str | None = None
    reason: str | None = None
    week: str | None = None


class Desk:
    """What the routes of one process share: the live funnel, what is known of the online store and of late dislikes, and the
    two logs."""

    def __init__(self, live: LiveFunnel) -> None:
        self.live = live
        self.store = StoreWatch()
        self.refusals = Refusals()
        self.instance = uuid.uuid4().hex[:12]
        self.predictions = PredictionLog(self.instance)
        self.events = EventLog(self.instance)

    def start(self) -> None:
        """Follow the release, the online store and what other workers accept in the background."""
        self.store.start()
        self.refusals.start()
        self.live.start()

    def close(self) -> None:
        self.live.stop()
        self.store.stop()
        self.refusals.stop()
        self.predictions.close()


def make_api(desk: Desk) -> FastAPI:
    """The application over one desk."""
    api = FastAPI(
        title="Segue",
        version=segue.__version__,
        description="Playlists people keep: weekly, for a moment, and the neighbours of a track.",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    handle_problems(api)
    _lists(api, desk)
    _events(api, desk)
    _operation(api, desk)
    _tell_the_truth(api)
    return api


def _lists(api: FastAPI, desk: Desk) -> None:
    def answered(request: Request, answer: recommender.Answer) -> Response:
        """The JSON at once: FastAPI would check and copy again what was a TrackList already, in another thread."""
        request.state.fallback = answer.body.fallback
        desk.predictions.put(answer.prediction)
        return Response(answer.body.model_dump_json(), media_type="application/json")

    said: dict[str, Any] = {"response_model": TrackList, "responses": INVALID}

    @api.get("/v1/users/{user_id:path}/weekly", summary="This week's playlist of a user", **said)
    def weekly(
        request: Request,
        user_id: IdInPath,
        territory: Annotated[
            Territory | None,
            Query(description="where the listener is; default: the account's. What may not be played there is left out"),
        ] = None,
        explain: Annotated[bool, Query(description=f"{EXPLAIN}, by what is known now")] = False,
    ) -> Response:
        desk.store.require_rows()
        since = desk.refusals.of(user_id)
        return answered(request, recommender.weekly(desk.live.funnel, user_id, territory, explain=explain, since=since))

    @api.post("/v1/recommend", summary="A list for a user and a moment", **said)
    def recommend(request: Request, wanted: RecommendRequest) -> Response:
        _require_utc("context.requested_at", wanted.context.requested_at)
        desk.store.require_rows()
        return answered(request, recommender.recommend(desk.live.funnel, wanted, since=desk.refusals.of(wanted.user_id)))

    @api.get(
        "/v1/tracks/{track_id:path}/similar", response_model=TrackList, responses=INVALID, summary="Tracks that sound like one"
    )
    def similar(
        request: Request,
        track_id: IdInPath,
        count: Annotated[int, Query(ge=1, le=MAX_COUNT)] = 30,
        territory: Annotated[
            Territory | None, Query(description="where they will be played; without it only tracks licensed everywhere")
        ] = None,
        explicit: Annotated[bool, Query(description="whether explicit tracks may be in the list")] = True,
        explain: Annotated[bool, Query(description=f"{EXPLAIN}, down to where the list ends")] = False,
    ) -> Response:
        funnel = desk.live.funnel
        found = recommender.similar(funnel, track_id, count, territory, explicit_allowed=explicit, explain=explain)
        return answered(request, found)


def _events(api: FastAPI, desk: Desk) -> None:
    @api.post(
        "/v1/events",
        status_code=202,
        responses=INVALID,
        summary="What listeners did; 202 means it is on disk",
        description=EVENTS,
    )
    def events(batch: EventBatch) -> EventsAccepted:
        for event in batch.events:
            _require_utc("events.occurred_at", event.occurred_at)
        received_at = datetime.now(UTC)
        desk.events.append(batch.events, received_at)
        desk.refusals.note(received_at.date(), [event.model_dump() for event in batch.events])
        metrics.EVENTS.inc(len(batch.events))
        return EventsAccepted(accepted=len(batch.events), received_at=received_at)


def _operation(api: FastAPI, desk: Desk) -> None:
    @api.get("/livez", summary="Whether the process answers")
    def livez() -> Health:
        return Health(alive=True)

    @api.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness}}, summary="Whether lists are personal")
    def readyz() -> Response:
        readiness = _readiness(desk)
        return JSONResponse(readiness.model_dump(), status_code=200 if readiness.ready else 503)

    @api.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}}, summary="For Prometheus")
    def prometheus() -> Response:
        body, content_type = metrics.exposition()
        return Response(body, headers={"content-type": content_type})


def _readiness(desk: Desk) -> Readiness:
    status, week, error = desk.live.status, SHOWN.read(), desk.store.look()
    if error is None and status.release is None:
        error = status.reason or "No release is loaded yet: promote one with `segue promote VERSION`."
    elif error is None and not feature_store_answers():
        error = "The feature store cannot be read: run `segue features`."
    elif error is None:
        error = SHOWN.problem
    return Readiness(
        ready=error is None,
        error=error,
        release=status.release,
        refused=status.refused,
        reason=status.reason,
        week=week.week.isoformat() if week else None,
    )


def _require_utc(where: str, time: datetime | None) -> None:
    """Refuse a time that its own offset carries out of the calendar."""
    try:
        if time is not None:
            time.astimezone(UTC)
    except OverflowError as problem:
        raise HTTPException(400, f"{where}: a time lies in the years 1 to 9999 of UTC.") from problem


def _tell_the_truth(api: FastAPI) -> None:
    """Take FastAPI's 422 out of the document: invalid requests get 400 and a Problem here."""
    document = api.openapi()
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
    for unused in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(unused, None)
