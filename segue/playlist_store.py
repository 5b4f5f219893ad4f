"""Playlists in the online store, under (user_id, week): written in blocks, read one at a time, deleted when their week is old.

Writing and reading go through Feast's provider, so the rows are Feast's own and any of its stores holds them. Feast has no
call that deletes the rows of some entities, so for that this file knows how its SQLite and Redis stores spell a key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from segue.dates import start_of
from segue.feature_store import PROJECT, shared_store
from segue.names import Service
from segue.online import entity_key, online_row, view_with

if TYPE_CHECKING:
    import pandas as pd
    from feast import FeatureStore
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    Written = tuple[EntityKey, dict[str, Value], datetime, datetime | None]

PLAYLIST_KEYS = ("user_id", "week")
PLAYLIST_COLUMNS = ("track_ids", "scores", "sources", "reasons", "release")

_PER_WRITE = 2_000
"""Playlists of a transaction: on SQLite the one time that other writers wait for."""
_PER_DELETE = 500


def playlist_row(user_id: str, week_key: str) -> dict[str, Any] | None:
    """The stored playlist of a user and a week: `PLAYLIST_COLUMNS` by name, None when there is none."""
    row = online_row(Service.WEEKLY_PLAYLISTS, _keys(user_id, week_key), PLAYLIST_COLUMNS)
    return row if row is not None and row["track_ids"] is not None else None


def write_playlists(playlists: pd.DataFrame) -> None:
    """Store playlists (n) under (user_id, week), replacing what is there. A week's key names the digest of its playlists,
    so what is replaced is the same, and nobody sees anything else before the week's pointer moves.

    A reader of one user gets a row whole: on SQLite a block is one transaction, on Redis a playlist is one command.

    Args:
        playlists: columns `user_id`, `week` (see `segue.playlists.week_key`), `track_ids`, `scores`, `sources`, `reasons`
            (lists of equal length per row, best first) and `release`.
    """
    store = shared_store()
    view = view_with(store, Service.WEEKLY_PLAYLISTS, PLAYLIST_COLUMNS[0])
    rows = _written(playlists)
    while block := list(islice(rows, _PER_WRITE)):
        store.provider.online_write_batch(store.config, view, block, None)


def _written(playlists: pd.DataFrame) -> Iterator[Written]:
    """The rows as Feast's online stores take them. Its own way from a frame, over Arrow, gives the same and takes longer."""
    from feast.protos.feast.types.Value_pb2 import FloatList, StringList, Value

    def words(values: Sequence[str]) -> Value:
        return Value(string_list_val=StringList(val=values))

    columns = [playlists[name] for name in (*PLAYLIST_KEYS, *PLAYLIST_COLUMNS)]
    for user, week, tracks, scores, sources, reasons, release in zip(*columns, strict=True):
        values = {
            "track_ids": words(tracks),
            "scores": Value(float_list_val=FloatList(val=scores)),
            "sources": words(sources),
            "reasons": words(reasons),
            "release": Value(string_val=release),
        }
        yield entity_key(_keys(user, week)), values, start_of(date.fromisoformat(week[:10])), None


def delete_playlists(user_ids: Sequence[str], week_key: str) -> None:
    """Delete the playlists of these users in a week, some at a time, so that nobody waits long behind it; those that are
    gone already are no error."""
    from feast.infra.key_encoding_utils import serialize_entity_key

    store = shared_store()
    version = store.config.entity_key_serialization_version
    keys = (serialize_entity_key(entity_key(_keys(user, week_key)), version) for user in user_ids)
    delete = _delete_from_redis if store.config.online_store.type == "redis" else _delete_from_sqlite
    while block := list(islice(keys, _PER_DELETE)):
        delete(store, block)


def _delete_from_sqlite(store: FeatureStore, keys: list[bytes]) -> None:
    from feast.infra.online_stores.helpers import compute_table_id

    table = compute_table_id(PROJECT, view_with(store, Service.WEEKLY_PLAYLISTS, PLAYLIST_COLUMNS[0]))
    places = ", ".join("?" * len(keys))
    with store.provider.online_store._get_conn(store.config) as connection:
        connection.execute(f'DELETE FROM "{table}" WHERE entity_key IN ({places})', keys)  # noqa: S608  # no text of others in it


def _delete_from_redis(store: FeatureStore, keys: list[bytes]) -> None:
    client = store.provider.online_store._get_client(store.config.online_store)
    client.unlink(*(key + PROJECT.encode() for key in keys))  # no other view has these join keys: the whole hash is ours


def _keys(user_id: str, week_key: str) -> dict[str, str]:
    return {"user_id": user_id, "week": week_key}
