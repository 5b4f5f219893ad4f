"""A source that tells who played what, and nothing else (no genre, tempo, duration, territory, skip or save), still trains."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gold_listens import user_id
from gold_tables import AS_OF
from trained_home import SPLIT, TINY, Board, checkerboard_home

from infra.mart.feast_apply import apply_and_materialise
from segue.home import get_home
from segue.names import UNKNOWN_TERRITORY, Table
from trainers import train
from trainers.examples import catalogue_at, users_at
from trainers.loading import LoadedRelease, load

__all__ = ["checkerboard_home"]

ABSENT = {
    Table.LABELS: ("outcome", "saved", "territory", "device", "surface"),
    Table.TRACKS: ("genre", "tempo", "energy", "duration_ms", "explicit", "release_date", "version_family"),
    Table.TRACK_FEATURES: (
        *("genre", "tempo", "energy", "duration_s", "explicit"),
        *("complete_rate_30d", "early_skip_rate_30d", "save_rate_30d"),
    ),
    Table.USER_FEATURES: (
        *("territory", "explicit_allowed", "early_skip_rate_7d", "early_skip_rate_30d", "save_rate_30d"),
        *("mean_tempo_30d", "mean_energy_30d", "top_genres", "top_genre_shares", "top_device"),
    ),
}


def _make_bare() -> None:
    for table, columns in ABSENT.items():
        for path in get_home().table(table).rglob("*.parquet"):
            rows = pq.read_table(path, partitioning=None)
            for name in columns:
                place, kind = rows.schema.get_field_index(name), rows.schema.field(name).type
                rows = rows.set_column(place, name, pa.nulls(len(rows), kind))
            if table is Table.LABELS:
                rows = rows.set_column(rows.schema.get_field_index("weight"), "weight", pa.array(np.ones(len(rows))))
            pq.write_table(rows, path)
    for path in get_home().table(Table.TRACK_TERRITORY_FEATURES).rglob("*.parquet"):
        everywhere = pd.read_parquet(path).drop_duplicates("track_id").assign(territory=UNKNOWN_TERRITORY)
        pq.write_table(pa.Table.from_pandas(everywhere, schema=pq.read_schema(path), preserve_index=False), path)


@pytest.fixture(scope="module")
def release(checkerboard_home: Board) -> LoadedRelease:
    _make_bare()
    apply_and_materialise(AS_OF)
    return load(train.run(as_of=AS_OF, hyper=TINY).summary["version"])


def test_every_score_is_a_number_for_known_and_unknown_users(release: LoadedRelease) -> None:
    catalogue, users = catalogue_at(SPLIT.end), users_at([user_id(n) for n in range(6)] + ["nobody"], SPLIT.end)
    queries, vectors = release.query(users), release.track_vectors(catalogue.frame)
    every = np.tile(np.arange(len(vectors), dtype=np.int32), (7, 1))
    assert np.isfinite(queries).all()
    assert np.isfinite(vectors).all()
    assert np.isfinite(release.rank(users, catalogue, every, queries @ vectors.T).score).all()


def test_heads_without_feedback_have_no_weight_in_the_release(release: LoadedRelease) -> None:
    assert release.manifest.hyperparameters["blend"] == {"save": 0.0, "early_skip": 0.0}
    assert release.manifest.hyperparameters["territories"] == [UNKNOWN_TERRITORY]
