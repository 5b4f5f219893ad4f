"""`segue playlists`: every user's playlist of one week, made by the live release, audited, stored through Feast, then visible.

The playlists are staged in a file first and the audit reads that file, so that a failed audit has changed nothing: not
even the rows of the same week and release that may be visible already. The pointer moves last.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from segue.atomic import replacing_file, write_json
from segue.dates import as_of_for_week, start_of
from segue.errors import NotBegunError, SegueError
from segue.exit_codes import AUDIT_FAILED
from segue.features import materialised_through
from segue.home import get_home
from segue.live_release import read_pointer
from segue.lock import locked
from segue.machine import cores
from segue.names import Fallback, Table
from segue.playlists import VisibleWeek, audit_path, read_visible_week
from segue.pseudonyms import pseudonym
from segue.stage import Outcome, Progress
from serving.funnel.funnel import Funnel
from serving.funnel.model import load_model, one_thread_each
from serving.tracks.gold import read_table
from serving.tracks.gold_catalogue import load_catalogue
from serving.weekly.audit import FLOOR_FOR_SMALL_ARTISTS, Audited, Broken, audit
from serving.weekly.batch import Row, week_rows
from serving.weekly.publish import Made, Write, publish, write_staged
from serving.weekly.staging import record_batch, staged_path, staged_schema, sweep
from serving.weekly.weekly_log import fallback_of


def run(*, week: date, engine: str) -> Outcome:
    """Make, audit, store and show the playlists of `week` (its first day). A week before the visible one is not shown.

    Raises:
        SegueError: no release is live, its features are not the present ones, the features end before the week begins, or
            another run is at work.
    """
    with locked(get_home().playlists / ".lock", what="`segue playlists`"), _scoring(engine) as scoring:
        sweep()
        return _run(week, scoring)


@dataclass(frozen=True)
class _Scoring:
    """Where the work on every user is done: making the rows of a week, and writing them to the store."""

    rows: Callable[[Funnel, Sequence[str], date, str], Iterable[list[Row]]]
    write: Write


@contextmanager
def _scoring(engine: str) -> Iterator[_Scoring]:
    if engine == "local":
        one_thread_each()
        yield _Scoring(lambda funnel, users, week, _: week_rows(funnel, users, week, makers=cores()), write_staged)
        return
    from segue.spark import spark_session
    from serving.weekly.spark_engine import spark_rows, spark_store

    with spark_session("--engine spark") as session:
        yield _Scoring(
            lambda funnel, users, week, release: spark_rows(session, users, week, release, len(funnel.catalogue)),
            partial(spark_store, session),
        )


def _run(week: date, scoring: _Scoring) -> Outcome:
    progress = Progress("playlists")
    version = _live_version()
    _require_features(week)
    with progress.step(f"open release {version}"):
        funnel = Funnel(load_model(version), load_catalogue(as_of_for_week(week)))
    staged = staged_path(week, version)
    users = _known_users(week)
    with progress.step(f"make {len(users)} playlists"):
        facts = _stage(staged, funnel, scoring.rows(funnel, users, week, version), len(users), progress)
    try:
        with progress.step("audit"):
            audited = audit(staged, week, funnel.policy)
        seconds = progress.seconds[f"make {len(users)} playlists"]
        facts |= {"week": week, "release": version, "users": len(users), "seconds": seconds}
        facts["playlists_per_second"] = round(len(users) / max(seconds, 1e-9), 1)
        keep = partial(_keep_audit, week, version, audited, facts)
        if audited.broken:
            keep()
            return _refused(week, audited.broken, facts)
        made = Made(staged, week, version, len(users), facts["digest"])
        published = publish(made, funnel.catalogue, progress, scoring.write, keep_audit=keep)
    finally:
        staged.unlink(missing_ok=True)
    return _done(facts | {"expired": published.expired}, published.visible)


def _live_version() -> str:
    pointer = read_pointer()
    if pointer is None:
        raise SegueError(expected="a live release", received="none", mend="run `segue train`, then `segue promote VERSION`")
    return pointer.version


def _require_features(week: date) -> None:
    """What the playlist of a week may use must be in the feature store: without it, heard tracks would come back. A week whose
    day has come should have it; one that has not is a slip of the hand."""
    needed, there = as_of_for_week(week), materialised_through()
    if there is None or there < needed:
        error = SegueError if needed < datetime.now(UTC).date() else NotBegunError
        raise error(
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


def _stage(staged: Path, funnel: Funnel, made: Iterable[list[Row]], users: int, progress: Progress) -> dict[str, Any]:
    """Write every playlist to `staged`; counts of fallbacks and sources, and the digest of all playlists."""
    import pyarrow.parquet as pq

    fallbacks: Counter[str] = Counter({fallback.value: 0 for fallback in (Fallback.NEW_USER, Fallback.WORLDWIDE)})
    sources: Counter[str] = Counter()
    digest, done = hashlib.sha256(), 0
    schema = staged_schema()
    with replacing_file(staged) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for rows in made:
            writer.write_batch(record_batch(rows, schema))
            for row in rows:
                digest.update(_playlist_text(row).encode())
                sources.update(row["sources"])
                if (fallback := fallback_of(row, funnel.catalogue)) is not None:
                    fallbacks[fallback] += 1
            done += len(rows)
            progress.say(f"{done} of {users} playlists")
    return {"fallbacks": dict(fallbacks), "sources": dict(sources), "digest": digest.hexdigest()}


def _playlist_text(row: Row) -> str:
    return json.dumps([row["user_id"], row["track_ids"], row["scores"], row["sources"], row["reasons"]]) + "\n"


def _keep_audit(week: date, version: str, audited: Audited, facts: dict[str, Any]) -> None:
    """A failed audit goes beside that of the lists which the store still has, a passed one in its place."""
    broken = [asdict(b) | {"user_id": pseudonym(b.user_id) if b.user_id else None} for b in audited.broken]
    exposure = [asdict(one) for one in audited.exposure]
    verdict = {"passed": not broken, "broken": broken, "exposure": exposure, "merit_of": audited.merit_of}
    kept = {name: value for name, value in facts.items() if name not in ("seconds", "playlists_per_second")}
    write_json(audit_path(week, failed=bool(broken)), kept | verdict | {"week": week.isoformat(), "release": version})
    if not broken:
        audit_path(week, failed=True).unlink(missing_ok=True)


def _refused(week: date, broken: Sequence[Broken], facts: dict[str, Any]) -> Outcome:
    lines = [_broken_line(one) for one in broken]
    shown = read_visible_week()
    still = f"the week of {shown.week} stays visible" if shown else "no week is visible"
    details = audit_path(week, failed=True)
    text = "\n".join([f"The audit of the week of {week} failed; {still}. Broken:", *lines, f"Details: {details}"])
    return Outcome(facts | {"passed": False, "broken": [b.promise for b in broken]}, text, AUDIT_FAILED)


def _broken_line(broken: Broken) -> str:
    if broken.promise == FLOOR_FOR_SMALL_ARTISTS:
        return (
            f"  {broken.promise}: {broken.count} places of the week are missing. Lists take what their candidates have; "
            "if that is less, train a release with a lower small_artists in SEGUE_POLICY, or roll back to one"
        )
    return f"  {broken.promise}: broken {broken.count} times, for example by track {broken.track_id or '-'}"


def _done(facts: dict[str, Any], visible: VisibleWeek) -> Outcome:
    shown = visible.week == facts["week"]
    fallbacks = ", ".join(f"{count} {name}" for name, count in sorted(facts["fallbacks"].items()))
    state = "visible" if shown else f"stored but not shown, as the later week of {visible.week} stays visible"
    text = (
        f"The week of {facts['week']} is {state}: {facts['users']} playlists by release {facts['release']}, "
        f"made in {facts['seconds']:.1f} s ({facts['playlists_per_second']:.0f} a second). Fallbacks: {fallbacks}."
    )
    if facts["expired"]:
        text += f" Deleted from the store: {', '.join(facts['expired'])}."
    return Outcome(facts | {"passed": True, "shown": shown, "visible_week": visible.week}, text)
