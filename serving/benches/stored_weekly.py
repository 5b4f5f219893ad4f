"""The weekly GET at a fixed rate over as many playlists as are asked for: the part of `segue bench serving` about the store.

The home of this bench has listeners of its own: accounts in gold, and in an online store that is filled for it a history and
a playlist each, written as `segue playlists` writes them. Catalogue, release and views are those of the present home.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segue.dates import week_after
from segue.errors import SegueError
from segue.features import REGISTRY, materialised_through, shared_store, write_playlists
from segue.home import get_home
from segue.names import Table
from segue.playlists import PLAYLIST_LENGTH, VisibleWeek, show_week
from segue.settings import get_settings
from segue.stage import Progress
from serving.benches.load import interval, open_loop
from serving.benches.own_redis import own_redis
from serving.benches.own_service import borrowed_home, service
from serving.tracks.gold import read_table

if TYPE_CHECKING:
    import pandas as pd

STORES = ("sqlite", "redis")
MOST_USERS = 5_000_000
WARM_SECONDS = 3.0
RELEASE = "bench"
_LINKED = ("secrets", "releases/current.json", "releases/bentoml/models")
_BLOCK = 10_000
_HISTORIES, _HEARD_MEDIAN, _HEARD_MOST = 500, 100, 5_000


@dataclass(frozen=True)
class Weekly:
    """Latencies in milliseconds from the moment a request was due, two of them with their 95 % intervals; `written_per_second`
    counts playlists, `bytes` is the size of the store with the histories in it."""

    store: str
    users: int
    written_per_second: float
    bytes: int
    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    failed: int
    p50_interval: tuple[float, float]
    p99_interval: tuple[float, float]


def measure_weekly(store: str, *, users: int, rate: float, seconds: float, progress: Progress) -> Weekly:
    """Fill a store and ask for playlists of it.

    Raises:
        SegueError: there is nothing to serve, or the number of users is out of bounds.
    """
    through = materialised_through()
    if through is None or not 0 < users <= MOST_USERS:
        raise SegueError(
            expected=f"features to serve and 1 to {MOST_USERS} users",
            received=f"{users} users, features through {through}",
            mend="run `segue features --as-of D`, or give another --users",
        )
    with store_home(store, users) as environment:
        with progress.step(f"write {users} playlists to {store}"):
            spent = _fill(users, week_after(through))
        size = _size(store)
        with service(get_home().root, environment, progress) as port:
            paths = [
                f"/v1/users/{bench_user(n)}/weekly" for n in np.random.default_rng(1).integers(users, size=int(rate * seconds))
            ]
            open_loop(port, paths[: int(rate * WARM_SECONDS)], rate=rate, expected=b"")
            with progress.step(f"{rate} a second for {seconds:.0f} s"):
                answers = open_loop(port, paths, rate=rate, expected=b'"fallback":null')
    ordered = np.sort(answers.latencies)
    p50, p95, p99 = (round(float(np.percentile(ordered, q)), 2) for q in (50, 95, 99))
    written, slowest = round(users / spent, 1), round(float(ordered[-1]), 2)
    ends = (interval(ordered, 0.5), interval(ordered, 0.99))
    return Weekly(store, users, written, size, round(answers.per_second, 1), p50, p95, p99, slowest, answers.failed, *ends)


@contextlib.contextmanager
def store_home(store: str, users: int) -> Iterator[Mapping[str, str]]:
    """A home with a store of its own, and the settings of this process on it; the settings a service needs besides."""
    ours = get_home()
    with contextlib.ExitStack() as held:
        folder = held.enter_context(borrowed_home(_LINKED))
        environment = {"SEGUE_ONLINE_STORE": store}
        if store == "redis":
            environment["SEGUE_REDIS_URL"] = held.enter_context(own_redis(folder))
        _put_features(ours.features, folder / "features", users)
        (folder / "feast").mkdir(mode=0o700)
        shutil.copy(ours.feast / REGISTRY, folder / "feast" / REGISTRY)
        held.enter_context(_settings(environment | {"SEGUE_HOME": str(folder)}))
        yield environment


@contextlib.contextmanager
def _settings(environment: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    get_settings.cache_clear()
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
        get_settings.cache_clear()


def _put_features(ours: Path, folder: Path, users: int) -> None:
    """Links to every gold table but the accounts, which are those of the bench, drawn from ours."""
    known = read_table(Table.USERS)
    folder.mkdir()
    for table in ours.iterdir():
        if table.name != Table.USERS:
            (folder / table.name).symlink_to(table.resolve())
    (folder / Table.USERS).mkdir()
    drawn = known.iloc[np.random.default_rng(2).integers(len(known), size=users)].reset_index(drop=True)
    drawn.assign(user_id=[bench_user(n) for n in range(users)]).to_parquet(folder / Table.USERS / "data.parquet")


def _fill(users: int, week: date) -> float:
    """Write a history and a playlist of everybody and show the week; the seconds that the playlists took."""
    tracks = read_table(Table.TRACKS)
    free = tracks.loc[tracks["licensed_everywhere"].fillna(value=False).astype(bool), "track_id"].to_numpy(dtype=object)
    visible = VisibleWeek(week=week, release=RELEASE, published_at=datetime.now(UTC), users=users)
    rng, spent = np.random.default_rng(3), 0.0
    create_tables()
    for start in range(0, users, _BLOCK):
        listeners = [bench_user(n) for n in range(start, min(start + _BLOCK, users))]
        _write_histories(listeners, tracks["track_id"].to_numpy(dtype=object), rng)
        frame, began = _playlists(listeners, free, visible.key, rng), time.perf_counter()
        write_playlists(frame)
        spent += time.perf_counter() - began
    show_week(visible)
    return spent


def create_tables() -> None:
    """Empty tables of the online store this process is set on."""
    store = shared_store()
    views = [view for view in store.list_feature_views() if view.online]
    store.provider.online_store.update(store.config, [], views, [], [], partial=True)
    if get_settings().online_store == "sqlite":
        store.provider.online_store._get_conn(store.config).execute("PRAGMA journal_mode=WAL")


def _playlists(listeners: list[str], free: Any, key: str, rng: np.random.Generator) -> pd.DataFrame:
    import pandas as pd

    n = len(listeners)
    picks = free[rng.integers(len(free), size=(n, PLAYLIST_LENGTH))]
    return pd.DataFrame(
        {
            "user_id": listeners,
            "week": key,
            "track_ids": list(picks),
            "scores": list(np.sort(rng.random((n, PLAYLIST_LENGTH), dtype=np.float32))[:, ::-1]),
            "sources": [["retriever"] * PLAYLIST_LENGTH] * n,
            "reasons": [[f"because you often play Artist {pick}" for pick in row] for row in picks],
            "release": RELEASE,
        }
    )


def _write_histories(listeners: list[str], tracks: Any, rng: np.random.Generator) -> None:
    """Every feature of the histories' view: a store may read them all to answer one. Few listeners have heard very much."""
    from feast.protos.feast.types.Value_pb2 import StringList, Value

    from segue.online import entity_key

    def some(length: int) -> Value:
        return Value(string_list_val=StringList(val=tracks[rng.integers(len(tracks), size=length)]))

    def history(heard: int) -> dict[str, Value]:
        lengths = {"heard_tracks": heard, "saved_tracks": heard // 5, "disliked_tracks": 3, "disliked_artists": 1}
        return {name: some(length) for name, length in lengths.items()} | {"heard_60d": Value(int64_val=heard // 2)}

    drawn = np.exp(rng.normal(np.log(_HEARD_MEDIAN), 1, size=_HISTORIES))
    histories = [history(int(heard)) for heard in np.clip(drawn, 1, _HEARD_MOST)]
    now, store = datetime.now(UTC), shared_store()
    rows = [(entity_key({"user_id": user}), histories[n % _HISTORIES], now, None) for n, user in enumerate(listeners)]
    store.provider.online_write_batch(store.config, store.get_feature_view(str(Table.USER_HISTORY)), rows, None)


def _size(store: str) -> int:
    if store == "sqlite":
        return sum(path.stat().st_size for path in get_home().feast.glob("online.db*"))
    opened = shared_store()
    return int(opened.provider.online_store._get_client(opened.config.online_store).info("memory")["used_memory"])


def bench_user(number: int) -> str:
    return f"listener-{number:07d}"
