"""Publishing under a reader that polls all the time, and the end of old weeks: over HTTP, on SQLite and on a real Redis."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uvicorn
from serving_platform import Platform

from infra.status.command import run as status
from segue import feature_store, playlist_store, stored_weeks
from segue.feature_store import open_store
from segue.features import last_materialised, playlist_row
from segue.online_mark import put_mark
from segue.playlists import VisibleWeek, read_visible_week, show_week, week_key
from segue.settings import get_settings
from segue.stage import Progress
from serving import publish
from serving.api import Desk, make_api
from serving.catalogue import Catalogue
from serving.funnel import Funnel
from serving.gold_catalogue import load_catalogue
from serving.live import LiveFunnel
from serving.store_watch import READ

USERS = [f"listener-{number}" for number in range(36)]
"""Without account or history: nothing is kept from them that everybody may have."""
TRACKS = 10
WEEKS = 5


@pytest.fixture(params=["sqlite", "redis"])
def store_kind(request: pytest.FixtureRequest, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Each kind of online store in turn. Playlists are written over a connection of their own, as by another process."""
    if request.param == "redis":
        monkeypatch.setenv("SEGUE_ONLINE_STORE", "redis")
        monkeypatch.setenv("SEGUE_REDIS_URL", request.getfixturevalue("redis"))
        get_settings.cache_clear()
    feature_store._shared_store.cache_clear()
    writer = open_store()
    put_mark(writer, READ, last_materialised())  # as `segue features` would leave a store without any history
    monkeypatch.setattr(playlist_store, "shared_store", lambda: writer)
    monkeypatch.setattr(playlist_store, "_PER_WRITE", 4)
    yield str(request.param)
    feature_store._shared_store.cache_clear()


def week_of(number: int) -> date:
    return date(2026, 11, 16) + timedelta(days=7 * number)


def tracks_of(catalogue: Catalogue, user: str, week: date, make: str = "") -> list[str]:
    """What a user hears in a week: other tracks every week and `make`, all of which everybody may be given."""
    free = catalogue.ids[catalogue.everywhere & ~catalogue.explicit]
    rng = np.random.default_rng(zlib.crc32(f"{user} {week}{make}".encode()))
    return [str(track) for track in rng.choice(free, TRACKS, replace=False)]


def staged(folder: Path, catalogue: Catalogue, week: date, make: str = "") -> Path:
    rows = [
        {
            "user_id": user,
            "territory": None,
            "track_ids": tracks_of(catalogue, user, week, make),
            "scores": [0.5] * TRACKS,
            "sources": ["retriever"] * TRACKS,
            "reasons": [f"of {week}"] * TRACKS,
            "propensities": [1.0] * TRACKS,
            "dial": None,
            "explored": None,
            "features": None,
        }
        for user in USERS
    ]
    path = folder / f"{week}.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def made(folder: Path, catalogue: Catalogue, number: int, release: str = "r1", make: str = "") -> publish.Made:
    week = week_of(number)
    return publish.Made(staged(folder, catalogue, week, make), week, release, len(USERS), digest=f"d{make}")


def key_of(number: int, release: str = "r1", make: str = "") -> str:
    return week_key(week_of(number), release, f"d{make}")


def put(folder: Path, catalogue: Catalogue, number: int, release: str = "r1", make: str = "") -> publish.Published:
    return publish.publish(made(folder, catalogue, number, release, make), catalogue, Progress("test"))


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


def test_old_weeks_leave_the_store_and_the_visible_one_and_the_one_before_stay(
    platform: Platform, store_kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_PLAYLIST_WEEKS_KEPT", "3")
    get_settings.cache_clear()
    catalogue = load_catalogue()
    expired = [put(tmp_path, catalogue, number).expired for number in range(5)]
    assert expired == [[], [], [], [key_of(0)], [key_of(1)]]
    assert _stored(5) == [False, False, True, True, True]
    row = status().summary["weeks_kept"]
    assert (row["value"], row["weeks"][0], row["incomplete"]) == ("3", week_of(2).isoformat(), [])


def test_a_week_made_again_by_another_release_keeps_the_lists_before_it_for_one_move(
    platform: Platform, store_kind: str, tmp_path: Path
) -> None:
    catalogue = load_catalogue()
    expired = [put(tmp_path, catalogue, 0, release).expired for release in ("r1", "r2", "r2", "r3")]
    assert expired == [[], [], [], [key_of(0)]]
    visible = read_visible_week()
    assert visible is not None
    assert visible.before == key_of(0, "r2")


@pytest.mark.parametrize("digest_in_the_key", [True, False])
def test_the_visible_week_made_again_by_its_release_changes_for_everybody_at_once(
    platform: Platform, store_kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digest_in_the_key: bool
) -> None:
    """Twin: under one and the same key a reader meets new lists while the week is still being written."""
    catalogue = load_catalogue()
    old, new = ([tracks_of(catalogue, user, week_of(0), make) for user in USERS] for make in ("", "again"))
    if not digest_in_the_key:
        monkeypatch.setattr(publish.Made, "key", property(lambda made: week_key(made.week, made.release)))
        monkeypatch.setattr(VisibleWeek, "key", property(lambda shown: week_key(shown.week, shown.release)))
    put(tmp_path, catalogue, 0)
    with monkeypatch.context() as context:
        context.setattr(publish, "show_week", _killed)
        with pytest.raises(KeyboardInterrupt):
            put(tmp_path, catalogue, 0, make="again")
    assert (_visible_lists() == old) == digest_in_the_key
    assert put(tmp_path, catalogue, 0, make="again").expired == []
    assert _visible_lists() == new


def test_a_week_made_again_with_the_same_lists_is_the_same_week(platform: Platform, tmp_path: Path) -> None:
    catalogue = load_catalogue()
    for number in (0, 1, 1):
        put(tmp_path, catalogue, number)
    visible = read_visible_week()
    assert visible is not None
    assert (visible.key, visible.before) == (key_of(1), key_of(0))


def test_a_week_that_was_shown_before_its_key_had_a_digest_is_read_and_in_time_deleted(
    platform: Platform, tmp_path: Path
) -> None:
    catalogue = load_catalogue()
    with pytest.MonkeyPatch.context() as context:
        context.setattr(publish.Made, "key", property(lambda made: week_key(made.week, made.release)))
        put(tmp_path, catalogue, 0)
    shown = read_visible_week()
    assert shown is not None
    show_week(shown.model_copy(update={"digest": ""}))
    assert None not in _visible_lists()
    expired = [put(tmp_path, catalogue, 0, make=make).expired for make in ("again", "and again")]
    assert expired == [[], [f"{week_of(0)}/r1"]]


def test_a_kill_while_old_rows_are_deleted_leaves_the_rest_to_the_next_run(
    platform: Platform, store_kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_PLAYLIST_WEEKS_KEPT", "2")
    monkeypatch.setattr(playlist_store, "_PER_DELETE", 5)
    get_settings.cache_clear()
    catalogue = load_catalogue()
    for number in range(2):
        put(tmp_path, catalogue, number)
    with monkeypatch.context() as context:
        context.setattr(stored_weeks, "delete_playlists", _killed_halfway)
        with pytest.raises(KeyboardInterrupt):
            put(tmp_path, catalogue, 2)
    visible = read_visible_week()
    assert visible is not None
    assert visible.week == week_of(2)
    assert _row(USERS[0], 0) is None
    assert _row(USERS[-1], 0) is not None
    assert status().summary["weeks_kept"]["incomplete"] == [key_of(0)]
    put(tmp_path, catalogue, 3)
    assert _stored(4) == [False, False, True, True]


def test_a_week_whose_writing_was_killed_is_deleted_once_it_is_old(
    platform: Platform, store_kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_PLAYLIST_WEEKS_KEPT", "2")
    get_settings.cache_clear()
    catalogue = load_catalogue()
    with monkeypatch.context() as context:
        context.setattr(publish, "end_week", _killed)
        with pytest.raises(KeyboardInterrupt):
            put(tmp_path, catalogue, 0)
    assert _row(USERS[0], 0) is not None
    put(tmp_path, catalogue, 1)
    assert _row(USERS[0], 0) is None


@pytest.mark.parametrize("key", ["key", "before"])
def test_nothing_a_reader_may_hold_expires_however_few_weeks_are_kept(platform: Platform, key: str, tmp_path: Path) -> None:
    """Weeks may be shown in any order by hand: a pointer is kept for its own sake, not for its week."""
    catalogue = load_catalogue()
    for number in range(4):
        put(tmp_path, catalogue, number)
    publish.store_week(made(tmp_path, catalogue, 3, "r2"))  # complete later than the one that is shown, as a kill leaves it
    visible = read_visible_week()
    assert visible is not None
    moved = VisibleWeek(**visible.model_dump() | {"before": key_of(0)})
    assert (moved.key, moved.before) == (key_of(3), key_of(0))
    assert getattr(moved, key) not in [one.key for one in stored_weeks.expired(moved, 1)]
    assert key_of(2) in [one.key for one in stored_weeks.expired(moved, 1)]


def _stored(weeks: int) -> list[bool]:
    return [all(_row(user, number) is not None for user in USERS) for number in range(weeks)]


def _row(user: str, number: int) -> dict[str, Any] | None:
    return playlist_row(user, key_of(number))


def _visible_lists() -> list[list[str] | None]:
    """What everybody is shown at this moment."""
    visible = read_visible_week()
    rows = [playlist_row(user, visible.key) if visible else None for user in USERS]
    return [list(row["track_ids"]) if row else None for row in rows]


def _killed(*_: Any) -> None:
    raise KeyboardInterrupt


def _killed_halfway(users: list[str], key: str) -> None:
    playlist_store.delete_playlists(users[: len(users) // 2], key)
    raise KeyboardInterrupt
