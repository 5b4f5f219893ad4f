"""Runs every check for one as-of day and comes to a verdict. It reads stored things only, and no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from monitoring import answers, drift, embeddings, integrity, listening, parity, reception, samples
from monitoring.answers import Answers
from monitoring.drift import Comparison, Measured
from monitoring.embeddings import Vectors
from monitoring.filling import still_filling
from monitoring.findings import Finding, Group, State, Verdict, alarm, as_rows, note
from monitoring.listening import Window
from monitoring.rules import Rules, count_moved, judge
from monitoring.summary import Summary
from segue.errors import SegueError
from segue.names import Table
from segue.release import Manifest
from segue.stage import Progress
from segue.trouble import sentence_for

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Assessment:
    """The day's findings as they come in, and what they were made from."""

    as_of: date
    recent: Window
    rules: Rules
    live: Manifest | None = None
    before: str | None = None
    training: Window | None = None
    sampled: tuple[int, int] = (0, 0)
    findings: list[Finding] = field(default_factory=list)
    vectors: Vectors | None = None

    def add(self, group: Group, name: str, check: Callable[[], Sequence[Finding]]) -> None:
        """Run one check; what it cannot read is an alarm, and the others still run."""
        try:
            self.findings += check()
        except Exception as problem:  # a store that is down, or a damaged table, raises what its library does
            self.findings.append(_unread(group, name, problem))


def _unread(group: Group, name: str, problem: Exception) -> Finding:
    """An alarm that says what could not be read; any other failure is raised again."""
    said = sentence_for(problem)
    if said is None:
        raise problem
    return alarm(group, name, str(said))


def assess(as_of: date, rules: Rules, progress: Progress) -> tuple[Summary, Measured]:
    """The verdict on `as_of`, with Evidently's report.

    Raises:
        SegueError: there are no gold tables, or `as_of` is before the first listen.
    """
    listening.check_known(as_of)
    day = Assessment(as_of, listening.recent_window(as_of, rules), rules)
    with progress.step("integrity and parity"):
        _integrity(day)
        day.add("parity", "offline and online", lambda: parity.check(rules))
    with progress.step("answers and track vectors"):
        log = answers.read_answers(day.recent, rules)
        day.findings += answers.check(log, day.live, rules)
        day.add("answers", "shown tracks played", lambda: reception.check(log, day.recent))
        day.add("embeddings", "vectors", lambda: _vectors(day))
    with progress.step("drift"):
        measured = _drift(day, log)
        day.findings += measured.findings
    return _summary(day, log), measured


def _integrity(day: Assessment) -> None:
    def release() -> list[Finding]:
        day.live, day.before, found = integrity.check_release()
        return found

    day.add("integrity", "live release", release)
    if day.live is not None:
        end = day.live.trained_through.date() - timedelta(days=1)
        day.training = Window(end - timedelta(days=day.rules.training_days - 1), end)
    day.add("integrity", "landing", lambda: integrity.check_landing(day.recent, day.rules))
    day.add("listening", "listens", lambda: listening.compare(day.recent, day.training, day.rules))


def _vectors(day: Assessment) -> list[Finding]:
    if day.live is None:
        return [note("embeddings", "track vectors", "no live release to look at")]
    live = day.vectors = embeddings.read_vectors(day.live.version)
    try:
        before = embeddings.read_vectors(day.before) if day.before else None
    except SegueError as problem:
        return [*embeddings.check(live, None, day.rules), note("embeddings", "release before", str(problem))]
    return embeddings.check(live, before, day.rules)


def _drift(day: Assessment, log: Answers) -> Measured:
    """Features, scores and the place of listening of the last week beside the live release's reference; a side that is missing
    or cannot be read is an alarm."""
    if day.live is None:
        return _not_measured(alarm("features", "reference", "no live release that could be compared with"))
    try:
        reference = samples.reference_of(day.live.version, day.rules)
    except Exception as problem:
        return _not_measured(_unread("features", "reference", problem))
    if reference is None or reference.empty:
        return _not_measured(alarm("features", "reference", f"release {day.live.version} keeps no reference sample"))
    try:
        listens = listening.sample(day.recent, day.rules.sample_rows)
        now = samples.recent_features(listens)
    except Exception as problem:
        return _not_measured(_unread("features", "features", problem))
    day.sampled = (len(listens), len(reference))
    if listens.empty:
        return _not_measured(alarm("features", "listens", f"no first listens from {day.recent} to compare"))
    before = samples.flat(reference)
    filling = still_filling(before.columns, reference, listening.days_with_files(Table.LABELS), day.rules)
    features = drift.compare_columns(samples.flat(now), before, "features", day.rules, filling)
    earlier = answers.read_earlier(log, day.recent, day.rules)
    scores = samples.compare_scores(log, earlier, reference, day.live.version, day.rules)
    places = _places(day, listens["track_id"].tolist(), reference)
    return drift.measure(drift.joined([features, scores, *places]), day.rules)


def _places(day: Assessment, now: Sequence[str], reference: pd.DataFrame) -> list[Comparison]:
    """Where people listen, when there are vectors to tell and tracks to compare with."""
    if day.vectors is None or not len(day.vectors.track_ids) or "track_id" not in reference.columns:
        return []
    return [embeddings.compare_listening(day.vectors, now, reference["track_id"].tolist(), day.rules)]


def _not_measured(finding: Finding) -> Measured:
    return Measured([finding], None, {"metrics": []})


def _summary(day: Assessment, log: Answers) -> Summary:
    verdict, reason = judge(day.findings, day.rules)
    moved, compared = count_moved(day.findings)
    newer = day.live is not None and day.live.as_of < day.as_of
    return Summary(
        as_of=day.as_of,
        verdict=verdict,
        reason=reason,
        retrain=verdict is Verdict.DRIFT and newer,
        release=day.live.version if day.live else None,
        release_as_of=day.live.as_of if day.live else None,
        recent=str(day.recent),
        training=str(day.training) if day.training else None,
        moved=moved,
        compared=compared,
        filling=sum(f.state is State.FILLING for f in day.findings),
        left_out=[f.name for f in day.findings if f.group == "features" and f.state is State.NOTE],
        sampled_now=day.sampled[0],
        sampled_before=day.sampled[1],
        findings=as_rows(day.findings),
        surfaces=answers.by_surface(log.read),
    )
