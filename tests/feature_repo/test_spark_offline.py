"""Training frames with Spark as Feast's offline store: value for value what DuckDB joins."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest
from gold_tables import Gold
from spark_sessions import session_of
from test_training_frame import random_listens

from infra.mart.feast_apply import apply
from segue import feature_store
from segue.features import REGISTRY, shared_store, training_frame
from segue.home import Home
from segue.names import Service
from segue.parity import differences
from segue.settings import get_settings


@pytest.fixture
def spark_offline(java: None, served: tuple[Home, Gold], monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """The home of `served` under a registry whose sources are Spark's; DuckDB's is put back."""
    home, _ = served
    registry, kept = home.feast / REGISTRY, (home.feast / REGISTRY).read_bytes()
    conf = {"spark.driver.memory": "512m", "spark.sql.shuffle.partitions": "1", "spark.sql.session.timeZone": "UTC"}
    with session_of("local[1]", conf):
        monkeypatch.setenv("SEGUE_OFFLINE_STORE", "spark")
        get_settings.cache_clear()
        registry.unlink()
        apply(registry)
        registry.chmod(0o600)
        yield home
        registry.write_bytes(kept)
        feature_store._shared_store.cache_clear()


@pytest.fixture
def duckdb_frame(served: tuple[Home, Gold]) -> pd.DataFrame:
    return training_frame(Service.RANKER, random_listens(60))


def test_a_training_frame_is_what_duckdb_joins(duckdb_frame: pd.DataFrame, spark_offline: Home) -> None:
    assert type(shared_store().config.offline_store).__name__ == "SparkOfflineStoreConfig"
    frame = training_frame(Service.RANKER, random_listens(60))
    assert list(frame.columns) == list(duckdb_frame.columns)
    expected, found = ({name: one[name].tolist() for name in one} for one in (duckdb_frame, frame))
    assert differences(expected, found) == []
    assert frame["plays_30d"].notna().any()
