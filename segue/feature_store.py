"""Opening the feature store of a home: its configuration, the guard on its registry, one shared handle per process.

The registry holds pickled functions: it lives under `SEGUE_HOME/feast`, a folder only its owner may write, and is opened
only after that is so. What is read from the store is the business of `segue.features`.
"""

from __future__ import annotations

import os
import stat
import warnings
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.errors import SegueError
from segue.home import get_home
from segue.names import Service
from segue.quick_feast import import_feast
from segue.settings import get_settings
from segue.stored import json_object, read_stored

if TYPE_CHECKING:
    from feast import FeatureService, FeatureStore, RepoConfig
    from feast.feature_view import FeatureView

PROJECT = "segue"
REGISTRY = "registry.db"
MATERIALISED = "materialised.json"
_PATIENCE_MS = 120_000


def repo_config(registry: Path | None = None) -> RepoConfig:
    """Feast's configuration from our settings: the offline and the online store, the live registry or another file."""
    import_feast()
    from feast import RepoConfig

    home, settings = get_home(), get_settings()
    online: dict[str, Any] = {"type": "sqlite", "path": str(home.feast / "online.db")}
    if settings.online_store == "redis":
        if settings.redis_url is None:
            raise SegueError(
                expected="SEGUE_REDIS_URL with SEGUE_ONLINE_STORE=redis",
                received="no address",
                mend="set SEGUE_REDIS_URL to host:port",
            )
        # Feast would skip a row that is not younger than the stored one, and a day or a week made again has the same midnight.
        # That nothing goes back is our own promise, see `infra.mart.feast_apply`.
        online = {"type": "redis", "connection_string": settings.redis_url.get_secret_value(), "skip_dedup": True}
    return RepoConfig(
        project=PROJECT,
        provider="local",
        registry={"path": str(registry or home.feast / REGISTRY), "cache_ttl_seconds": 0},  # 0: this process reads it once
        offline_store=_offline(),
        online_store=online,
        entity_key_serialization_version=3,
        repo_path=home.features,
    )


def _offline() -> dict[str, Any]:
    """The offline store; a Spark session that the process has already is used as it is."""
    settings = get_settings()
    if settings.offline_store == "duckdb":
        return {"type": "duckdb"}
    conf = {"spark.master": settings.spark_master, "spark.ui.enabled": "false", "spark.sql.session.timeZone": "UTC"}
    if settings.spark_master.startswith("local"):
        conf |= {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
    return {"type": "spark", "spark_conf": conf}


def open_store() -> FeatureStore:
    """The feature store of this home.

    Raises:
        SegueError: nothing was applied yet, or others may write the registry.
    """
    folder = get_home().feast
    if not (folder / REGISTRY).exists():
        raise SegueError(
            expected=f"a Feast registry in {folder}", received="none", mend="run `segue features --as-of D` first"
        )
    guard_registry()
    return feast_store(repo_config())


def feast_store(config: RepoConfig) -> FeatureStore:
    """A store for `config` that waits its turn to write, and is quiet about what ibis 12 calls by an old name of DuckDB's and
    about Spark's sources, which warn at every reading of the registry that they are young."""
    from feast import FeatureStore

    warnings.filterwarnings("ignore", message="The spark (data source API|offline store)", category=RuntimeWarning)
    warnings.filterwarnings("ignore", message="fetch_arrow_table", category=DeprecationWarning)
    store = FeatureStore(config=config)
    if config.online_store.type == "sqlite":
        # Feast writes a view in one transaction: the day's features and the week's playlists may meet, and SQLite's own
        # patience of 5 s is short for a large catalogue. Feast has no setting for it.
        connection = store.provider.online_store._get_conn(config)
        connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
    return store


def guard_registry() -> None:
    """Refuse a registry, or its folder, that anyone but its owner can write: opening it runs the functions inside.

    Raises:
        SegueError: the sentence names the path and the command that mends it.
    """
    folder = get_home().feast
    for path in (folder, folder / REGISTRY):
        if not path.exists():
            continue
        status = path.stat()
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise SegueError(
                expected=f"{path} writable by its owner only",
                received=stat.filemode(status.st_mode),
                mend=f"run `chmod go-w {path}`: whoever writes the registry can run code in the service",
            )
        if status.st_uid not in (os.geteuid(), 0):
            raise SegueError(
                expected=f"{path} owned by the user who runs Segue",
                received=f"user id {status.st_uid}",
                mend="remove the folder and run `segue features` again: the registry's owner can run code in the service",
            )


@lru_cache(maxsize=4)
def _shared_store(registry: str, modified_ns: int, inode: int) -> FeatureStore:
    del registry, modified_ns, inode  # the key: a new registry file means a new store
    return open_store()


def shared_store() -> FeatureStore:
    """`open_store`, kept for the process until the registry file changes."""
    path = get_home().feast / REGISTRY
    try:
        status = path.stat()
    except FileNotFoundError:
        return open_store()  # says what to do
    return _shared_store(str(path), status.st_mtime_ns, status.st_ino)


def last_materialised() -> dict[str, Any]:
    """What the last materialisation wrote down; empty before the first.

    Raises:
        SegueError: it cannot be read.
    """
    path, mend = get_home().feast / MATERIALISED, "put it back from a copy, or remove it and run `segue features` again"
    return read_stored(path, json_object, what="the note of the last materialisation", mend=mend) or {}


def materialised_through() -> date | None:
    """The as-of day whose rows the online store holds, None before the first materialisation."""
    done = last_materialised()
    return date.fromisoformat(done["as_of"]) if done else None


def stored_features(store: FeatureStore, service: Service) -> list[tuple[str, tuple[str, ...], list[str]]]:
    """The service's stored views in its order: name, join keys in name order, names of the features it takes."""
    views = []
    for projection in stored_service(store, service).feature_view_projections:
        view = stored_view(store, projection.name)
        if view is not None:
            keys = tuple(sorted(column.name for column in view.entity_columns))
            views.append((projection.name, keys, [feature.name for feature in projection.features]))
    return views


def on_demand_refs(store: FeatureStore, service: Service) -> list[str]:
    """References (`view:feature`) to what the service computes from the request itself."""
    projections = stored_service(store, service).feature_view_projections
    return [f"{p.name}:{f.name}" for p in projections if stored_view(store, p.name) is None for f in p.features]


def views_of(store: FeatureStore, service: Service) -> dict[tuple[str, ...], list[str]]:
    """Join keys to the feature references (`view:feature`) of a service's stored views, in the service's order."""
    refs: dict[tuple[str, ...], list[str]] = {}
    for view, keys, features in stored_features(store, service):
        refs.setdefault(keys, []).extend(f"{view}:{feature}" for feature in features)
    return refs


@lru_cache(maxsize=8)
def whole_numbers(store: FeatureStore, service: Service) -> frozenset[str]:
    """Names of the service's stored features that are integers."""
    from feast.types import Int32, Int64

    views = [stored_view(store, projection.name) for projection in stored_service(store, service).feature_view_projections]
    return frozenset(
        field.name for view in views if view is not None for field in view.features if field.dtype in (Int32, Int64)
    )


def stored_service(store: FeatureStore, service: Service) -> FeatureService:
    return store.get_feature_service(str(service), allow_cache=True)


def stored_view(store: FeatureStore, name: str) -> FeatureView | None:
    from feast.errors import FeatureViewNotFoundException

    try:
        return store.get_feature_view(name, allow_registry_cache=True)
    except FeatureViewNotFoundException:
        return None
