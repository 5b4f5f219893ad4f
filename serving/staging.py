"""How the playlists of a week lie in a file before anyone sees them: one row per user, as the funnel made it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from serving.batch import Row

if TYPE_CHECKING:
    import pyarrow as pa


def staged_schema() -> pa.Schema:
    import pyarrow as pa

    words = pa.list_(pa.string())
    return pa.schema(
        {
            "user_id": pa.string(),
            "territory": pa.string(),
            "track_ids": words,
            "scores": pa.list_(pa.float32()),
            "sources": words,
            "reasons": words,
            "propensities": pa.list_(pa.float64()),
            "dial": pa.float64(),
            "explored": pa.string(),
            "features": pa.string(),
        }
    )


def record_batch(rows: Sequence[Row], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_pylist(list(rows), schema=schema)
