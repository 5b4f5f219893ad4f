"""The stored playlist past the framework. Of all that is asked, this is asked most, and routing, parameters and responses of a
general kind take several times as long as reading it. The route stays: it documents the answer, and has it wherever a request
is anything but the plain `GET /v1/users/USER/weekly`, or goes wrong here. Both give the same answer.
"""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from segue.errors import SegueError
from serving.live import recommender
from serving.live.api import Desk, make_api
from serving.live.problems import App, Front, Receive, Scope, Send, log_defect

THREADS = 8
"""Stored playlists read at once in one worker, and as many other requests beside them: enough to overlap reads, few enough
that nobody waits for forty others. In threads, so that a store that hangs does not stop every answer."""
_PLAIN = re.compile(r"/v1/users/([^\s\x00-\x1f/]{1,128})/weekly")


@dataclass(frozen=True)
class _Route:
    """What the metrics call the route that was not taken."""

    path_format: str = "/v1/users/{user_id}/weekly"


class ShortWay:
    """An application that answers for the stored playlist itself and leaves everything else to `app`."""

    def __init__(self, app: App, desk: Desk) -> None:
        self.app, self.desk = app, desk
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="weekly")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        user = plain_weekly(scope)
        if user is not None:  # before anything can go wrong: a defect is told by its route and its user
            scope.update(route=_Route(), path_params={"user_id": user})
        answer = await self._answer(user, scope) if user is not None else None
        if answer is None:
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})["fallback"], body = answer
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, user: str, scope: Scope) -> tuple[str | None, bytes] | None:
        """The fallback and the body; None where something failed: the route tries again and has a sentence for it."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._made, user)
        except SegueError:
            return None  # the route logs what the platform lacks
        except Exception as problem:  # said here: the route may well answer, and nobody would know
            log_defect(problem, scope)
            return None

    def _made(self, user: str) -> tuple[str | None, bytes]:
        self.desk.store.require_rows()
        answer = recommender.weekly(self.desk.live.funnel, user, since=self.desk.refusals.of(user))
        body = answer.body.model_dump_json().encode()
        self.desk.predictions.put(answer.prediction)
        return answer.body.fallback, body


def front_of(desk: Desk) -> Front:
    """All that the world asks over HTTP, over one desk."""
    return Front(ShortWay(make_api(desk), desk))


def plain_weekly(scope: Scope) -> str | None:
    """The user of a plain request for a stored playlist, None of anything else."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
        return None
    found = _PLAIN.fullmatch(scope["path"])
    return found[1] if found else None
