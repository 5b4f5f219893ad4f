"""`segue playlists`: every user's playlist of one week, made by the live release, audited, stored through Feast, then visible.

The playlists are staged in a file first and the audit reads that file, so that a failed audit has changed nothing: not
even the rows of the same week and release that may be visible already. The pointer moves last.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.atomic import replacing_file, write_json
from segue.dates import as_of_for_week, start_of
from segue.errors import SegueError
from segue.features import materialised_through, playlist_row, write_playlists
from segue.home import get_home
from segue.names import CandidateSource, Fallback, Surface, Table
from segue.playlists import VisibleWeek, audit_path, read_visible_week, show_week, week_key
from segue.predictions import PredictedTrack, Prediction
from segue.pseudonyms import pseudonym
from segue.release import read_pointer
from segue.stage import Outcome, Progress
from serving.answers import chart_fallback, weekly_request_id
from serving.audit import Broken, audit
from serving.batch import Row, week_rows
from serving.catalogue import Catalogue, load_catalogue
from serving.funnel import Funnel
from serving.gold import read_table
from serving.model import load_model

if TYPE_CHECKING:
    import pyarrow as pa

AUDIT_FAILED = 3
READ_BACK = 50
"""Playlists read back from the store, evenly over the users, before the week becomes visible."""


def run(*, week: date, engine: str) -> Outcome:
    """Make, audit, store and show the playlists of `week` (its first day).

    Raises:
        SegueError: no release is live, its features are not the present ones, or the features end before the week begins.
    """
    if engine != "local":
        raise SegueError(expected="the engine local", received=engine, mend="run without --engine")
    progress = Progress("playlists")
    version = _live_version()
    _require_features(week)
    with progress.step(f"open release {version}"):
        funnel = Funnel(load_model(version), load_catalogue(as_of_for_week(week)))
    staged = get_home().tmp / f"playlists-{week}-{version}.parquet"
    users = _known_users(week)
    with progress.step(f"make {len(users)} playlists"):
        facts = _stage(staged, funnel, users, week, progress)
    try:
        with progress.step("audit"):
            broken = audit(staged, week)
        seconds = progress.seconds[f"make {len(users)} playlists"]
        facts |= {"week": week, "release": version, "users": len(users), "seconds": seconds}
        facts["playlists_per_second"] = round(len(users) / max(seconds, 1e-9), 1)
        _keep_audit(week, version, broken, facts)
        if broken:
            return _refused(week, broken, facts)
        _publish(staged, funnel.catalogue, week, version, len(users), progress)
    finally:
        staged.unlink(missing_ok=True)
    return _shown(facts)


def _live_version() -> str:
    pointer = read_pointer()
    if pointer is None:
        raise SegueError(expected="a live release", received="none", mend="run `segue train`, then `segue promote VERSION`")
    return pointer.version


def _require_features(week: date) -> None:
    """What the playlist of a week may use must be in the feature store: without it, heard tracks would come back."""
    needed, there = as_of_for_week(week), materialised_through()
    if there is None or there < needed:
        raise SegueError(
            expected=f"features through {needed}, the day before the week of {week}",
            received=f"features through {there}" if there else "no features",
            mend=f"run `segue features --as-of {needed}`",
        )


def _known_users(week: date) -> list[str]:
    frame = read_table(Table.USERS)
    known = frame["first_seen_at"].isna() | (frame["first_seen_at"] < start_of(week))
    users: list[str] = sorted(frame.loc[known, "user_id"])
    if not users:
        raise SegueError(
            expected=f"users known before {week}", received="none", mend=f"run `segue features --as-of {as_of_for_week(week)}`"
        )
    return users


def _stage(staged: Path, funnel: Funnel, users: Sequence[str], week: date, progress: Progress) -> dict[str, Any]:
    """Write every playlist to `staged`; counts of fallbacks and sources, and the digest of all playlists."""
    import pyarrow.parquet as pq

    fallbacks: Counter[str] = Counter({fallback.value: 0 for fallback in (Fallback.NEW_USER, Fallback.WORLDWIDE)})
    sources: Counter[str] = Counter()
    digest, done = hashlib.sha256(), 0
    for left_behind in staged.parent.glob(f".{staged.name}.*"):  # by a run that was killed
        left_behind.unlink()
    schema = _schema()
    with replacing_file(staged) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for rows in week_rows(funnel, users, week):
            writer.write_batch(_record_batch(rows, schema))
            for row in rows:
                digest.update(_playlist_text(row).encode())
                sources.update(row["sources"])
                if (fallback := fallback_of(row, funnel.catalogue)) is not None:
                    fallbacks[fallback] += 1
            done += len(rows)
            progress.say(f"{done} of {len(users)} playlists")
    return {"fallbacks": dict(fallbacks), "sources": dict(sources), "digest": digest.hexdigest()}


def fallback_of(row: Row, catalogue: Catalogue) -> Fallback | None:
    """The name of the fallback when nothing in a playlist is personal."""
    if any(source != CandidateSource.POPULAR for source in row["sources"]):
        return None
    return chart_fallback(catalogue, row["territory"])


def _schema() -> pa.Schema:
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
            "features": pa.string(),
        }
    )


def _record_batch(rows: Sequence[Row], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_pylist(list(rows), schema=schema)


def _playlist_text(row: Row) -> str:
    return json.dumps([row["user_id"], row["track_ids"], row["scores"], row["sources"], row["reasons"]]) + "\n"


def _keep_audit(week: date, version: str, broken: Sequence[Broken], facts: dict[str, Any]) -> None:
    verdict = {"passed": not broken, "broken": [asdict(b) | {"user_id": pseudonym(b.user_id)} for b in broken]}
    kept = {name: value for name, value in facts.items() if name not in ("seconds", "playlists_per_second")}
    write_json(audit_path(week), kept | verdict | {"week": week.isoformat(), "release": version})


def _publish(staged: Path, catalogue: Catalogue, week: date, version: str, users: int, progress: Progress) -> None:
    key = week_key(week, version)
    with progress.step("store"):
        for batch in _staged_batches(staged):
            write_playlists(batch.to_pandas().assign(week=key, release=version))
        _read_back(staged, key, users)
    with progress.step("log"):
        _log(staged, catalogue, week, version)
    before = read_visible_week()
    previous = before.week if before and before.week != week else before.previous if before else None
    show_week(VisibleWeek(week=week, release=version, published_at=datetime.now(UTC), users=users, previous=previous))


def _staged_batches(staged: Path) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    yield from pq.ParquetFile(staged).iter_batches(batch_size=5_000)


def _read_back(staged: Path, key: str, users: int) -> None:
    """Compare some of what the store now answers with what was staged."""
    every = max(1, users // READ_BACK)
    number = 0
    for batch in _staged_batches(staged):
        for row in batch.to_pylist():
            if number % every == 0:
                stored = playlist_row(row["user_id"], key)
                if stored is None or list(stored["track_ids"]) != row["track_ids"]:
                    raise SegueError(
                        expected="the feature store to answer the playlists written to it",
                        received="another playlist" if stored else "none",
                        mend="look after the online store, then run `segue playlists` again",
                    )
            number += 1


def _log(staged: Path, catalogue: Catalogue, week: date, version: str) -> None:
    """The week's prediction log, one file, replaced as a whole when the week is made again."""
    target = get_home().predictions / f"day={week.isoformat()}" / f"weekly-{version}.jsonl"
    with replacing_file(target) as temporary, temporary.open("w", encoding="utf-8") as log:
        for batch in _staged_batches(staged):
            for row in batch.to_pylist():
                log.write(_prediction(row, catalogue, week, version).model_dump_json() + "\n")


def _prediction(row: Row, catalogue: Catalogue, week: date, version: str) -> Prediction:
    picks = zip(row["track_ids"], row["scores"], row["sources"], row["reasons"], strict=True)
    return Prediction(
        request_id=weekly_request_id(row["user_id"], week, version),
        at=start_of(week),
        surface=Surface.WEEKLY,
        user=pseudonym(row["user_id"]),
        release=version,
        week=week,
        fallback=fallback_of(row, catalogue),
        territory=row["territory"],
        features=json.loads(row["features"]) if row["features"] is not None else None,
        tracks=[PredictedTrack(track_id=t, score=s, source=c, reason=r) for t, s, c, r in picks],
        latency_ms=0.0,
    )


def _refused(week: date, broken: Sequence[Broken], facts: dict[str, Any]) -> Outcome:
    lines = [f"  {b.promise}: broken {b.count} times, for example by track {b.track_id or '-'}" for b in broken]
    shown = read_visible_week()
    still = f"the week of {shown.week} stays visible" if shown else "no week is visible"
    text = "\n".join([f"The audit of the week of {week} failed; {still}. Broken:", *lines, f"Details: {audit_path(week)}"])
    return Outcome(facts | {"passed": False, "broken": [b.promise for b in broken]}, text, AUDIT_FAILED)


def _shown(facts: dict[str, Any]) -> Outcome:
    fallbacks = ", ".join(f"{count} {name}" for name, count in sorted(facts["fallbacks"].items()))
    text = (
        f"The week of {facts['week']} is visible: {facts['users']} playlists by release {facts['release']}, "
        f"made in {facts['seconds']:.1f} s ({facts['playlists_per_second']:.0f} a second). Fallbacks: {fallbacks}."
    )
    return Outcome(facts | {"passed": True}, text)
