"""Publishing under a reader that polls all the time: over HTTP, on SQLite and on a real Redis."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from published_weeks import USERS, put, tracks_of, week_of
from serving_platform import Platform

from segue.playlists import read_visible_week, show_week
from segue.settings import get_settings
from serving.funnel.funnel import Funnel
from serving.live.api import Desk, make_api
from serving.live.live_funnel import LiveFunnel
from serving.tracks.catalogue import Catalogue
from serving.tracks.gold_catalogue import load_catalogue
from serving.weekly import publish

WEEKS = 5


@dataclass
class Seen:
    """What pollers were answered, and what of it no week has."""

    weeks: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    answers: int = 0


@contextmanager
def polled(catalogue: Catalogue, base: str) -> Iterator[Seen]:
    """Readers that poll the service without a pause while the block lasts."""
    seen, stop = Seen(), threading.Event()

    def poll(seed: int) -> None:
        rng = np.random.default_rng(seed)
        with httpx.Client(base_url=base, timeout=30) as client:
            while not stop.is_set():
                user = USERS[rng.integers(len(USERS))]
                try:
                    _note(seen, catalogue, user, client.get(f"/v1/users/{user}/weekly"))
                except Exception as problem:
                    seen.wrong.append(f"no answer: {problem!r}")

    threads = [threading.Thread(target=poll, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _note(seen: Seen, catalogue: Catalogue, user: str, answer: httpx.Response) -> None:
    body: dict[str, Any] = answer.json()
    seen.answers += 1
    if answer.status_code != 200 or body["fallback"] is not None:
        seen.wrong.append(f"gap: {answer.status_code} {body.get('fallback')}")
        return
    seen.weeks.add(body["week"])
    expected = tracks_of(catalogue, user, date.fromisoformat(body["week"]))
    if [t["track_id"] for t in body["tracks"]] != expected or {t["reason"] for t in body["tracks"]} != {f"of {body['week']}"}:
        seen.wrong.append(f"not the week of {body['week']} of {user}")


@contextmanager
def served(catalogue: Catalogue) -> Iterator[str]:
    """The API over this home, on a socket."""
    live = LiveFunnel()
    live.funnel = Funnel(None, catalogue)
    desk = Desk(live)
    server = uvicorn.Server(uvicorn.Config(make_api(desk), host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.05)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        desk.close()


def _publish_under_readers(platform: Platform, folder: Path) -> Seen:
    catalogue = load_catalogue()
    put(folder, catalogue, 0)
    with served(catalogue) as base, polled(catalogue, base) as seen:
        for number in range(1, WEEKS):
            put(folder, catalogue, number)
            _wait_for_answers(seen, 20)
    return seen


def _wait_for_answers(seen: Seen, more: int) -> None:
    until, patience = seen.answers + more, threading.Event()
    for _ in range(600):
        if seen.answers >= until:
            return
        patience.wait(0.05)
    raise AssertionError("the readers get no answers")


def test_a_reader_who_polls_sees_the_old_week_or_the_new_one_whole(
    platform: Platform, store_kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_PLAYLIST_WEEKS_KEPT", "2")
    get_settings.cache_clear()
    seen = _publish_under_readers(platform, tmp_path)
    assert seen.wrong == []
    assert seen.weeks >= {week_of(number).isoformat() for number in range(1, WEEKS)}


def test_a_pointer_that_moves_before_the_rows_are_there_shows_gaps(
    platform: Platform, store_kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above: it would notice."""
    store: Callable[..., None] = publish.store_week

    def too_early(week: publish.Made, write: publish.Write) -> None:
        show_week(publish._next(read_visible_week(), week))
        store(week, write)

    monkeypatch.setattr(publish, "store_week", too_early)
    assert any(wrong.startswith("gap") for wrong in _publish_under_readers(platform, tmp_path).wrong)
