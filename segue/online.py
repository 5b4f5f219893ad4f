"""One row of the online store, for an answer that somebody waits for.

Feast's `get_online_features` resolves its references and copies protocol buffers for every question: most of the time of a
small answer. This asks the same store for the same row through the provider, which is what Feast itself ends up calling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from segue.errors import SegueError
from segue.feature_store import shared_store, stored_features, stored_view
from segue.names import Service

if TYPE_CHECKING:
    from feast import FeatureStore, FeatureView
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value


def online_row(service: Service, keys: Mapping[str, str], features: Sequence[str]) -> dict[str, Any] | None:
    """`features`, all of one view of `service`, of the entity with these join keys; None when nothing is stored of it."""
    store = shared_store()
    view = view_with(store, service, features[0])
    wanted = list(features)  # Feast's Redis store appends to the list it is given
    ((_, values),) = store.provider.online_read(store.config, view, [entity_key(keys)], wanted)
    return {name: _plain(values.get(name)) for name in features} if values else None


@lru_cache(maxsize=8)  # keyed by the store too, which it keeps alive
def view_with(store: FeatureStore, service: Service, feature: str) -> FeatureView:
    """The stored view that a service takes `feature` from."""
    for name, _, features in stored_features(store, service):
        view = stored_view(store, name)
        if feature in features and view is not None:
            return view
    raise SegueError(
        expected=f"a feature of the {service} service", received=feature, mend="run `segue features` to apply the views"
    )


def entity_key(keys: Mapping[str, str]) -> EntityKey:
    """Feast's key of an entity whose join keys are all text."""
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    return EntityKey(join_keys=list(keys), entity_values=[Value(string_val=value) for value in keys.values()])


def _plain(value: Value | None) -> Any:
    kind = value.WhichOneof("val") if value is not None else None
    if kind is None:
        return None
    found = getattr(value, kind)
    return list(found.val) if kind.endswith("list_val") else found
