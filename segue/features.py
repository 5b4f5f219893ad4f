"""The Feast reads; nothing else touches features.

Both reads, the point-in-time frame and the online rows, take a FeatureService, so training, the weekly batch and the live
service name the same columns. Opening the store, the fingerprint, the row of one listener and the store of playlists have
files of their own and are offered here too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from segue.errors import SegueError
from segue.feature_store import (
    MATERIALISED,
    PROJECT,
    REGISTRY,
    feast_store,
    guard_registry,
    last_materialised,
    materialised_through,
    on_demand_refs,
    open_store,
    repo_config,
    shared_store,
    stored_features,
    views_of,
    whole_numbers,
)
from segue.fingerprint import fingerprint
from segue.names import UNKNOWN_TERRITORY, Service
from segue.online import online_row
from segue.playlist_store import PLAYLIST_COLUMNS, PLAYLIST_KEYS, delete_playlists, playlist_row, write_playlists
from segue.point_in_time import OPTIONAL, TIMESTAMP, as_known_at

if TYPE_CHECKING:
    import pandas as pd
    from feast import FeatureStore

__all__ = [
    "MATERIALISED",
    "OPTIONAL",
    "PLAYLIST_COLUMNS",
    "PLAYLIST_KEYS",
    "PROJECT",
    "REGISTRY",
    "REQUESTED_AT",
    "SHARED_NAMES",
    "TIMESTAMP",
    "delete_playlists",
    "feast_store",
    "fingerprint",
    "guard_registry",
    "last_materialised",
    "materialised_through",
    "online_row",
    "online_rows",
    "open_store",
    "playlist_row",
    "repo_config",
    "shared_store",
    "training_frame",
    "views_of",
    "whole_numbers",
    "write_playlists",
]

REQUESTED_AT = "requested_at"

_USERS_PER_READ = 2_000  # SQLite takes at most 32,766 keys in one question

SHARED_NAMES = {
    "plays_7d": "track_plays_7d",
    "plays_30d": "track_plays_30d",
    "early_skip_rate_30d": "track_early_skip_rate_30d",
    "save_rate_30d": "track_save_rate_30d",
}
"""Columns of gold `track_features` that gold `user_features` has too, and what the feature store calls them on a track:
the columns of one service share one name space."""


def training_frame(service: Service, rows: pd.DataFrame, *, only: Collection[str] | None = None) -> pd.DataFrame:
    """`rows` (n, with the service's join keys and `event_timestamp` in UTC) with the service's features as known then.

    Feast's point-in-time join is asked once per entity and snapshot day: snapshots fall on midnight UTC, so the last one at
    or before an event is the last one at or before the midnight that began its day. Request features are added when `rows`
    has `requested_at`, null where a list has no moment. Row order and index are kept, and so is every column of `rows`:
    where a feature has the name of one, as `territory` may, the caller's value is the one known at the moment and stays.
    A null territory is joined as `ZZ`, as gold writes it. With `only`, the service's other stored features are left out, and a
    view none of whose features is asked for costs no join.

    Raises:
        SegueError: a join key is missing.
    """
    store = shared_store()
    frame = rows.copy()
    midnight = rows[TIMESTAMP].dt.floor("D").astype("datetime64[us, UTC]")
    for view, keys, features in stored_features(store, service):
        _require_columns(rows, keys, service)
        features = [name for name in features if only is None or name in only]
        if not features:
            continue
        wanted = rows[list(keys)].assign(**{TIMESTAMP: midnight})
        if "territory" in keys:
            wanted["territory"] = wanted["territory"].fillna(UNKNOWN_TERRITORY)
        known = as_known_at(store, view, features, wanted)
        for name in features:
            if name not in rows.columns:
                frame[name] = known[name]
    return _with_request_features(store, service, frame) if REQUESTED_AT in rows.columns else frame


def _with_request_features(store: FeatureStore, service: Service, frame: pd.DataFrame) -> pd.DataFrame:
    """Add what the service's on-demand views give for `requested_at`, through Feast."""
    refs = on_demand_refs(store, service)
    if refs:
        moments = frame[[TIMESTAMP, REQUESTED_AT]].reset_index(drop=True)
        made = store.get_historical_features(entity_df=moments, features=refs).to_df()
        for ref in refs:
            frame[ref.partition(":")[2]] = made[ref.partition(":")[2]].to_numpy()
    return frame


def online_rows(service: Service, user_ids: Sequence[str]) -> dict[str, list[Any]]:
    """The user features of a service from the online store, one list (n,) per feature in the service's order.

    None where nothing is stored: for a user nobody knows, every feature is None. Any number of users.
    """
    store = shared_store()
    refs = _refs_by_user(store, service)
    columns: dict[str, list[Any]] = {ref.partition(":")[2]: [] for ref in refs}
    for start in range(0, len(user_ids), _USERS_PER_READ):
        some = list(user_ids[start : start + _USERS_PER_READ])
        answer = store.get_online_features(features=refs, entity_rows={"user_id": some}).to_dict()
        for name, values in columns.items():
            values.extend(answer[name])
    return columns


@lru_cache(maxsize=16)
def _refs_by_user(store: FeatureStore, service: Service) -> list[str]:
    return views_of(store, service)[("user_id",)]


def _require_columns(rows: pd.DataFrame, keys: tuple[str, ...], service: Service) -> None:
    missing = [key for key in (*keys, TIMESTAMP) if key not in rows.columns]
    if missing:
        raise SegueError(
            expected=f"the join keys {', '.join(keys)} of the {service} service",
            received=f"rows without {', '.join(missing)}",
            mend="add the columns to the entity rows",
        )
