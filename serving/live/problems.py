"""What stands before the routes: the size limit of bodies, the counting of answers, and one sentence for every failure."""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from segue.errors import SegueError
from segue.pseudonyms import pseudonym
from segue.requests import Problem
from segue.settings import get_settings
from serving.live.metrics import REQUESTS, SECONDS

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OUTSIDE = "outside"
"""The route label of a path that is none, so that no caller can fill the metrics with names."""
ID_FORM = "an id has 1 to 128 characters and no spaces"
DIAL_FORM = "a dial is a finite number from 0 to 1"
TERRITORY_FORM = "a territory is a country code of two capital letters, like SE"
log = logging.getLogger("bentoml.segue")


class Front:
    """The API as the world sees it. Deliberately no Starlette application: BentoML passes unknown paths on to its own
    pages when it mounts one, and ours answer 404 with a sentence."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        began, status = time.perf_counter(), [500]

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                status[0] = message["status"]
            await send(message)

        try:
            body = await _whole_body(receive) if scope["method"] in ("POST", "PUT", "PATCH") else receive
            if body is None or _too_long(scope):
                await _too_large(scope, receive, noted)
            else:
                await self.app(scope, body, noted)
        except Exception as problem:  # Starlette answered with our 500 and raises it again for the server to log
            log_defect(problem, scope)
        _count(scope, status[0], time.perf_counter() - began)


def _too_long(scope: Scope) -> bool:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return not length.isdigit() or int(length) > get_settings().max_request_bytes


async def _whole_body(receive: Receive) -> Receive | None:
    """The body read to its end, replayed; None when it is over the limit, whatever its headers said."""
    chunks, size = [], 0
    while True:
        message = await receive()
        chunks.append(message)
        size += len(message.get("body", b""))
        if size > get_settings().max_request_bytes:
            return None
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    waiting = iter(chunks)

    async def replay() -> Message:
        return next(waiting, None) or await receive()

    return replay


async def _too_large(scope: Scope, receive: Receive, send: Send) -> None:
    limit = get_settings().max_request_bytes
    await problem_response(413, f"Expected a body of at most {limit} bytes, received more: send fewer events at once.")(
        scope, receive, send
    )


def _count(scope: Scope, status: int, seconds: float) -> None:
    route = _route(scope)
    REQUESTS.labels(route=route, status=status, fallback=scope.get("state", {}).get("fallback") or "").inc()
    SECONDS.labels(route=route).observe(seconds)


def _route(scope: Scope) -> str:
    """The route as the document writes it."""
    return getattr(scope.get("route"), "path_format", "") or OUTSIDE


def problem_response(status: int, sentence: str) -> JSONResponse:
    return JSONResponse(Problem(error=sentence).model_dump(), status_code=status)


def handle_problems(api: FastAPI) -> None:
    """Every failure of `api` answers with a Problem."""
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(SegueError, _not_ready)
    api.add_exception_handler(HTTPException, _refused)
    api.add_exception_handler(Exception, lambda _, __: problem_response(500, "Something went wrong on our side: try again."))


def _invalid(_: Request, problem: Exception) -> JSONResponse:
    """The first thing that is wrong with a request, without what was sent: that may name a listener."""
    first = problem.errors()[0] if isinstance(problem, RequestValidationError) else {}
    if first.get("type") == "json_invalid":
        return problem_response(400, "The body is not valid JSON: send one JSON object.")
    where = ".".join(str(part) for part in first.get("loc", ())) or "request"
    message = str(first.get("msg", "it is not valid")).rstrip(".")
    if first.get("type") == "string_pattern_mismatch":
        message = TERRITORY_FORM if where.endswith("territory") else ID_FORM
    if where.endswith(".adventurousness"):
        message = DIAL_FORM  # of a NaN Pydantic would say that it should be at most 1
    return problem_response(400, f"{where}: {message[:1].lower()}{message[1:]}.")


def _not_ready(_: Request, problem: Exception) -> JSONResponse:
    """What the platform lacks is for its operators to read, not for the caller."""
    log.error("not ready: %s", problem)
    return problem_response(503, "The feature store or the catalogue cannot be read: try again later.")


def _refused(request: Request, problem: Exception) -> JSONResponse:
    status = getattr(problem, "status_code", 500)
    sentences = {
        404: "There is nothing at this path: /v1/openapi.json lists what there is.",
        405: f"{request.method} is not answered at this path: /v1/openapi.json lists what is.",
    }
    return problem_response(status, sentences.get(status, _sentence(getattr(problem, "detail", None))))


def _sentence(detail: object) -> str:
    return f"{str(detail or 'The request was refused').rstrip('.')}."


def log_defect(problem: Exception, scope: Scope) -> None:
    """Where a defect happened, without its message: that may hold a user id."""
    places = [f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in traceback.extract_tb(problem.__traceback__)[-4:]]
    user = scope.get("path_params", {}).get("user_id")
    said = {"defect": type(problem).__name__, "route": _route(scope), "at": places, "user": pseudonym(user) if user else None}
    log.error(json.dumps(said))
