"""The prediction log of a week: one record for each staged playlist, in one file that is replaced as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from segue.atomic import replacing_file
from segue.dates import start_of
from segue.home import get_home
from segue.names import CandidateSource, Fallback, Surface
from segue.predictions import Explored, PredictedTrack, Prediction
from segue.pseudonyms import pseudonym
from serving.funnel.answers import chart_fallback, weekly_request_id
from serving.tracks.catalogue import Catalogue
from serving.weekly.batch import Row

if TYPE_CHECKING:
    import pyarrow as pa


def staged_batches(staged: Path) -> Iterator[pa.RecordBatch]:
    """The staged playlists, in order, some thousand at a time."""
    import pyarrow.parquet as pq

    yield from pq.ParquetFile(staged).iter_batches(batch_size=5_000)


def fallback_of(row: Row, catalogue: Catalogue) -> Fallback | None:
    """The name of the fallback when nothing in a playlist is personal."""
    if any(source != CandidateSource.POPULAR for source in row["sources"]):
        return None
    return chart_fallback(catalogue, row["territory"])


def write_log(staged: Path, catalogue: Catalogue, week: date, version: str) -> None:
    """The week's prediction log, one file, replaced as a whole when the week is made again."""
    target = get_home().predictions / f"day={week.isoformat()}" / f"weekly-{version}.jsonl"
    with replacing_file(target) as temporary, temporary.open("w", encoding="utf-8") as log:
        for batch in staged_batches(staged):
            for row in batch.to_pylist():
                log.write(prediction_of_row(row, catalogue, week, version).model_dump_json() + "\n")


def prediction_of_row(row: Row, catalogue: Catalogue, week: date, version: str) -> Prediction:
    """The log record of one staged playlist; the user becomes a pseudonym here."""
    picks = zip(*(row[name] for name in ("track_ids", "scores", "sources", "reasons", "propensities")), strict=True)
    user = pseudonym(row["user_id"])
    return Prediction(
        request_id=weekly_request_id(user, week, version),
        at=start_of(week),
        surface=Surface.WEEKLY,
        user=user,
        release=version,
        week=week,
        fallback=fallback_of(row, catalogue),
        territory=row["territory"],
        features=json.loads(row["features"]) if row["features"] is not None else None,
        explored=Explored.model_validate_json(row["explored"]) if row["explored"] is not None else None,
        dial=row["dial"],
        tracks=[PredictedTrack(track_id=t, score=s, source=c, reason=r, propensity=p) for t, s, c, r, p in picks],
        latency_ms=0.0,
    )
