"""What the feature repository promises: it serves gold as it is, under the services' names, to Feast's own tools too."""

from __future__ import annotations

from pathlib import Path

import pytest
from feast.repo_config import load_repo_config
from feast.repo_operations import get_repo_files
from gold_schemas import SCHEMAS
from gold_tables import Gold

from infra.mart.feast_apply import REPO, SERVED_TABLES
from segue.features import SHARED_NAMES, TIMESTAMP, repo_config, shared_store, views_of
from segue.home import Home
from segue.names import Service, Table


def test_every_gold_column_is_served(served: tuple[Home, Gold]) -> None:
    for table in SERVED_TABLES:
        view = shared_store().get_feature_view(str(table))
        names = {field.name for field in (*view.features, *view.entity_columns)}
        renamed = SHARED_NAMES if table is Table.TRACK_FEATURES else {}
        assert names == {renamed.get(name, name) for name in SCHEMAS[table].names} - {TIMESTAMP}


def test_the_services_hold_the_agreed_views(served: tuple[Home, Gold]) -> None:
    services = {service.name: service for service in shared_store().list_feature_services()}
    views = {name: [view.name for view in service.feature_view_projections] for name, service in services.items()}
    assert views == {
        "retriever": ["user_features", "track_features", "track_vectors", "request_features"],
        "ranker": ["user_features", "track_features", "track_territory_features", "request_features"],
        "policy": ["user_history", "user_features"],
        "weekly_playlists": ["weekly_playlists"],
    }


def test_no_two_features_of_a_service_share_a_name(served: tuple[Home, Gold]) -> None:
    for service in (Service.RETRIEVER, Service.RANKER, Service.POLICY):
        names = [ref.partition(":")[2] for refs in views_of(shared_store(), service).values() for ref in refs]
        assert len(names) == len(set(names))


def test_a_feast_user_gets_the_store_that_segue_uses(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_HOME", str(home.root))
    theirs, ours = load_repo_config(REPO, REPO / "feature_store.yaml"), repo_config()
    for part in ("project", "provider", "entity_key_serialization_version"):
        assert getattr(theirs, part) == getattr(ours, part)
    assert Path(theirs.registry.path) == Path(ours.registry.path)
    assert Path(theirs.online_store.path) == Path(ours.online_store.path)
    assert theirs.offline_store.type == ours.offline_store.type == "duckdb"


def test_feast_imports_one_file_and_it_imports_none_of_its_folder() -> None:
    assert [file.name for file in get_repo_files(REPO)] == ["definitions.py"]
    text = (REPO / "definitions.py").read_text()
    assert "from feature_repo" not in text
    assert "import feature_repo" not in text
