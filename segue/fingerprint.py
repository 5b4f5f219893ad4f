"""One number for what the feature store serves, so that a release is never fed features it was not trained on."""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from segue import request_features
from segue.feature_store import stored_service, stored_view
from segue.names import Service

if TYPE_CHECKING:
    from feast import FeatureStore, OnDemandFeatureView


def fingerprint(store: FeatureStore, services: Sequence[Service]) -> str:
    """SHA-256 over the names, types, keys, time to live and, for request features, the code of every view behind `services`.

    A release stores it; a service that reads other features than the release was trained on has another fingerprint.
    Comments, docstrings and the layout of code do not count; where the tables are does not either.
    """
    described: list[Any] = []
    for service in services:
        for projection in stored_service(store, service).feature_view_projections:
            view = stored_view(store, projection.name)
            columns = [(feature.name, str(feature.dtype)) for feature in projection.features]
            if view is None:
                made_by: list[Any] = _code_of(store.get_on_demand_feature_view(projection.name))
            else:
                made_by = [sorted((c.name, str(c.dtype)) for c in view.entity_columns), str(view.ttl)]
            described.append([str(service), projection.name, columns, made_by])
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()


def _code_of(view: OnDemandFeatureView) -> list[str]:
    """What an on-demand view computes: its own function, and the pure functions it wraps."""
    return [_normal_form(view.feature_transformation.udf_string), _normal_form(inspect.getsource(request_features))]


def _normal_form(source: str) -> str:
    """Python source without comments, docstrings and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not _is_text(part)]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
