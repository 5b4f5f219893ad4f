"""The two Feast reads, and nothing else touches features: the point-in-time frame and the online rows.

Both take a FeatureService, so training, the weekly batch and the live service name the same columns. The registry holds
pickled functions: it lives under `SEGUE_HOME/feast`, a folder only its owner may enter, and is opened only after that is so.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from segue.errors import SegueError
from segue.home import get_home
from segue.names import Service
from segue.settings import get_settings

if TYPE_CHECKING:
    import pandas as pd
    from feast import FeatureStore, RepoConfig
    from feast.feature_view import FeatureView

PROJECT = "segue"
TIMESTAMP = "event_timestamp"


def repo_config() -> RepoConfig:
    """Feast's configuration from our settings: DuckDB offline, SQLite or Redis online."""
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
        online = {"type": "redis", "connection_string": settings.redis_url.get_secret_value()}
    return RepoConfig(
        project=PROJECT,
        provider="local",
        registry={"path": str(home.feast / "registry.db"), "cache_ttl_seconds": 0},
        offline_store={"type": "duckdb"},
        online_store=online,
        entity_key_serialization_version=3,
        repo_path=home.features,
    )


def open_store() -> FeatureStore:
    """The feature store of this home.

    Raises:
        SegueError: nothing was applied yet, or others may write the registry.
    """
    from feast import FeatureStore

    folder = get_home().feast
    if not (folder / "registry.db").exists():
        raise SegueError(
            expected=f"a Feast registry in {folder}", received="none", mend="run `segue features --as-of D` first"
        )
    if folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SegueError(
            expected=f"{folder} writable by its owner only",
            received=stat.filemode(folder.stat().st_mode),
            mend=f"run `chmod 700 {folder}`: whoever writes the registry can run code in the service",
        )
    return FeatureStore(config=repo_config())


@lru_cache(maxsize=4)
def _shared_store(registry: str, modified_ns: int) -> FeatureStore:
    del registry, modified_ns  # the key: a new registry file means a new store
    return open_store()


def shared_store() -> FeatureStore:
    """`open_store`, kept for the process until the registry file changes."""
    path = get_home().feast / "registry.db"
    return _shared_store(str(path), path.stat().st_mtime_ns if path.exists() else 0)


def views_of(store: FeatureStore, service: Service) -> dict[tuple[str, ...], list[str]]:
    """Join keys to the feature references (`view:feature`) of a service's stored views, in the service's order."""
    refs: dict[tuple[str, ...], list[str]] = {}
    for projection in store.get_feature_service(str(service)).feature_view_projections:
        view = _stored_view(store, projection.name)
        if view is None:
            continue  # on-demand: a pure function of the request, see segue.request_features
        keys = tuple(sorted(column.name for column in view.entity_columns))
        refs.setdefault(keys, []).extend(f"{projection.name}:{feature.name}" for feature in projection.features)
    return refs


def _stored_view(store: FeatureStore, name: str) -> FeatureView | None:
    from feast.errors import FeatureViewNotFoundException

    try:
        return store.get_feature_view(name)
    except FeatureViewNotFoundException:
        return None


def fingerprint(store: FeatureStore, services: Sequence[Service]) -> str:
    """SHA-256 over the names, types, keys and time to live of every view behind `services`.

    A release stores it; a service that reads other features than the release was trained on has another fingerprint.
    """
    described: list[Any] = []
    for service in services:
        for projection in store.get_feature_service(str(service)).feature_view_projections:
            view = _stored_view(store, projection.name)
            keys = sorted((c.name, str(c.dtype)) for c in view.entity_columns) if view else []
            ttl = str(view.ttl) if view else ""
            columns = [(feature.name, str(feature.dtype)) for feature in projection.features]
            described.append([str(service), projection.name, keys, ttl, columns])
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()


def training_frame(service: Service, rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` (n, with the service's join keys and `event_timestamp` in UTC) with the service's features as known then.

    Feast's point-in-time join is asked once per set of keys and snapshot day: snapshots fall on midnight UTC, so the last
    one at or before an event is the last one at or before the midnight that began its day. Row order and index are kept.

    Raises:
        SegueError: a join key is missing.
    """
    store = shared_store()
    frame = rows.copy()
    midnight = frame[TIMESTAMP].dt.floor("D")
    for keys, refs in views_of(store, service).items():
        _require_columns(frame, keys, service)
        wanted = frame[list(keys)].assign(**{TIMESTAMP: midnight.astype("datetime64[us, UTC]")})
        unique = wanted.drop_duplicates(ignore_index=True)
        found = store.get_historical_features(entity_df=unique, features=refs).to_df()
        found[TIMESTAMP] = found[TIMESTAMP].astype("datetime64[us, UTC]")
        joined = wanted.merge(found, on=[*keys, TIMESTAMP], how="left", validate="many_to_one")
        for ref in refs:
            column = ref.partition(":")[2]
            frame[column] = joined[column].set_axis(frame.index)
    return frame


def online_rows(service: Service, user_ids: Sequence[str]) -> dict[str, list[Any]]:
    """The user features of a service from the online store, one list (n,) per feature, None where nothing is stored."""
    store = shared_store()
    refs = views_of(store, service)[("user_id",)]
    answer = store.get_online_features(features=refs, entity_rows=[{"user_id": user} for user in user_ids])
    return answer.to_dict()


def _require_columns(rows: pd.DataFrame, keys: tuple[str, ...], service: Service) -> None:
    missing = [key for key in (*keys, TIMESTAMP) if key not in rows.columns]
    if missing:
        raise SegueError(
            expected=f"the join keys {', '.join(keys)} of the {service} service",
            received=f"rows without {', '.join(missing)}",
            mend="add the columns to the entity rows",
        )
