"""The BentoML service: starts the desk of one worker process and mounts the API. `segue serve` runs it.

BentoML gives processes and timeouts. Its access log, its own metrics and its tracing are off, because all three keep paths and
a path holds a user id; a span for every answer would also take as long as the answer. Its health texts give way to ours, which
say why.
"""

from __future__ import annotations

import os
from functools import lru_cache

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # before TensorFlow is imported anywhere in this process
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import bentoml

from segue.settings import get_settings
from serving.live.api import Desk
from serving.live.live_funnel import LiveFunnel
from serving.live.problems import Front, Receive, Scope, Send
from serving.live.short_way import THREADS, front_of, plain_weekly


@lru_cache(maxsize=1)
def desk() -> Desk:
    """The desk of this process, opened when its worker starts: importing this module must start no thread."""
    opened = Desk(LiveFunnel())
    opened.start()
    return opened


@lru_cache(maxsize=1)
def _front() -> Front:
    return front_of(desk())


async def front(scope: Scope, receive: Receive, send: Send) -> None:
    """The API of this process as an ASGI application."""
    await _front()(scope, receive, send)


class OurPathsFirst:
    """BentoML answers these paths before any mounted application; here they go past it, and so does what is asked most."""

    PATHS = ("/livez", "/readyz", "/healthz", "/schema.json")

    def __init__(self, app: Front) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ours = scope["type"] == "http" and (scope["path"] in self.PATHS or plain_weekly(scope) is not None)
        await (front if ours else self.app)(scope, receive, send)


@bentoml.service(
    name="segue",
    workers=get_settings().serve_workers,
    traffic={"timeout": 30},
    metrics={"enabled": False},
    tracing={"excluded_urls": [".*"]},
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(front, path="/")
class Segue:
    @bentoml.on_startup
    async def open(self) -> None:
        import anyio.to_thread

        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        desk()

    @bentoml.on_shutdown
    def close(self) -> None:
        desk().close()


Segue.add_asgi_middleware(OurPathsFirst)  # type: ignore[attr-defined]  # the decorator made it a Service
