"""A mark in the online store itself that says which materialisation filled it: a store that was lost, restarted without
its rows, put back from a copy or replaced by another is noticed and filled again, and one without any mark is not served from.

Every view has one: a row under an id that no listener and no track can have, with a feature no view has.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from segue.feature_store import stored_view
from segue.names import Table

if TYPE_CHECKING:
    from feast import FeatureStore, FeatureView
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey

FEATURE = "materialised"
MARKED = "marked"
"""What a materialisation that left marks writes down beside the rest: a home of before there were any has none to miss."""
_ID = "the mark of segue features"  # `segue.events.Id` has no spaces


def put_mark(store: FeatureStore, views: Sequence[Table], materialised: dict[str, Any]) -> None:
    """Mark the rows of `views` as those of `materialised`, what the materialisation writes down; the last thing it writes."""
    from feast.protos.feast.types.Value_pb2 import Value

    mark = {FEATURE: Value(string_val=_digest(materialised))}
    for name in views:
        view = store.get_feature_view(str(name))
        store.provider.online_write_batch(store.config, view, [(_key(view), mark, datetime.now(UTC), None)], None)


def withdraw_marks(store: FeatureStore, views: Sequence[Table]) -> None:
    """Let no view pass for that of a whole materialisation while it is written. A view that bears no mark gets none: it holds
    no rows to go on serving from until all are there."""
    put_mark(store, [name for name in views if is_marked(store, [name])], {})


def has_mark(store: FeatureStore, views: Sequence[Table], materialised: dict[str, Any]) -> bool:
    """Whether every one of `views` in the online store was filled by just that materialisation."""
    return all(_mark(store, name) == _digest(materialised) for name in views)


def is_marked(store: FeatureStore, views: Sequence[Table]) -> bool:
    """Whether every one of `views` in the online store was once filled, by whatever materialisation, and kept its rows."""
    return all(_mark(store, name) is not None for name in views)


def _mark(store: FeatureStore, name: Table) -> str | None:
    view = stored_view(store, str(name))
    if view is None:
        return None
    ((_, values),) = store.provider.online_read(store.config, view, [_key(view)], [FEATURE])
    return str(values[FEATURE].string_val) or None if values and FEATURE in values else None


def _key(view: FeatureView) -> EntityKey:
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    return EntityKey(join_keys=view.join_keys, entity_values=[Value(string_val=_ID) for _ in view.join_keys])


def _digest(materialised: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(materialised, sort_keys=True, default=str).encode()).hexdigest()
