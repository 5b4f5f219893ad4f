"""What listeners were answered: the prediction log of the last week, its quality, and what became of it.

The log is stamped by the service's clock, a weekly playlist by the week it is for, so the days read are the last week and
the first day of the week after it. When the live release was promoted later than that, a run replays the past: what the
service answered since is read too, and the report says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ValidationError

from monitoring.findings import Finding, State, alarm, note
from monitoring.listening import Window
from monitoring.rules import Rules
from segue.dates import week_after
from segue.errors import SegueError
from segue.home import get_home
from segue.live_release import read_pointer
from segue.names import CandidateSource, Fallback, Surface
from segue.predictions import Prediction
from segue.release import Manifest


@dataclass(frozen=True)
class Answers:
    """The answers of some days; `total` lines were logged, of which at most `Rules.most_answers` were read."""

    days: list[date]
    replay: bool
    total: int
    unreadable: int
    read: list[Prediction]


def read_answers(recent: Window, rules: Rules) -> Answers:
    """The answers of the last week, see this module's first paragraph for its days."""
    days, replay = _days(recent, rules)
    return _read(days, replay=replay, most=rules.most_answers)


def read_earlier(answers: Answers, recent: Window, rules: Rules) -> Answers:
    """The answers of the weeks before the last, as far back as a training window, without the days of `answers`."""
    first = recent.first - timedelta(days=rules.training_days)
    days = [day for day in sorted(_logged()) if first <= day < recent.first and day not in answers.days]
    return _read(days, replay=False, most=rules.most_answers)


def _read(days: list[date], *, replay: bool, most: int) -> Answers:
    """Every k-th line of some days, k so small that `most` are read; torn lines are counted."""
    paths = [path for day in days for path in sorted((get_home().predictions / f"day={day}").glob("*.jsonl"))]
    total = sum(1 for _ in _lines(paths))
    step = max(1, -(-total // most))
    read, unreadable = [], 0
    for number, line in enumerate(_lines(paths)):
        if number % step == 0:
            try:
                read.append(Prediction.model_validate_json(line))
            except ValidationError:
                unreadable += 1
    return Answers(days, replay, total, unreadable, read)


def _days(recent: Window, rules: Rules) -> tuple[list[date], bool]:
    """The logged days to read, and whether this is a replay."""
    wanted = {*recent.days, week_after(recent.last)}
    try:
        pointer = read_pointer()
    except SegueError:  # an alarm of its own, see `monitoring.integrity`
        pointer = None
    promoted = pointer.promoted_at.date() if pointer else recent.last
    replay = promoted > week_after(recent.last)
    if replay:
        wanted |= set(Window(promoted, promoted + timedelta(days=rules.recent_days - 1)).days)
    logged = _logged()
    return sorted(wanted & logged), replay and any(day >= promoted for day in logged)


def _logged() -> set[date]:
    return {date.fromisoformat(folder.name.removeprefix("day=")) for folder in get_home().predictions.glob("day=*")}


def _lines(paths: Sequence[Path]) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb") as file:
            yield from (line for line in file if line.strip())


class SurfaceQuality(BaseModel):
    """One row of the table of answers; shares are 0 to 1, latencies milliseconds."""

    surface: Surface
    answers: int
    fallbacks: float
    empty: float
    mean_length: float
    p50_ms: float
    p99_ms: float
    tracks: int


def by_surface(answers: Sequence[Prediction]) -> list[SurfaceQuality]:
    """Quality of every surface that answered, in the order of `Surface`."""
    rows = []
    for surface in Surface:
        given = [a for a in answers if a.surface is surface]
        if given:
            p50, p99 = np.percentile([a.latency_ms for a in given], [50, 99])
            rows.append(
                SurfaceQuality(
                    surface=surface,
                    answers=len(given),
                    fallbacks=_share(a.fallback is not None for a in given),
                    empty=_share(not a.tracks for a in given),
                    mean_length=float(np.mean([len(a.tracks) for a in given])),
                    p50_ms=round(float(p50), 3),
                    p99_ms=round(float(p99), 3),
                    tracks=len({t.track_id for a in given for t in a.tracks}),
                )
            )
    return rows


def check(answers: Answers, live: Manifest | None, rules: Rules) -> list[Finding]:
    """Findings on the log: alarms for none, for empty lists, for mostly fallbacks, for a log that cannot be read."""
    if not answers.read:
        if live is None:
            return [note("answers", "answers", "no release is live yet", now=0)]
        seen = f"{answers.unreadable} unreadable lines" if answers.unreadable else "no answers"
        return [alarm("answers", "answers", f"{seen} in the prediction log while release {live.version} is live", now=0)]
    found = [_counted(answers)]
    found.append(_below("unreadable log lines", answers.unreadable / answers.total, rules.unreadable_share))
    found.append(_below("empty answers", _share(not a.tracks for a in answers.read), rules.empty_share))
    found.append(_below("fallbacks", _share(a.fallback is not None for a in answers.read), rules.fallback_share))
    found.append(_without_release(answers, live))
    return found + _coverage(answers, live) + _latency(answers)


def _counted(answers: Answers) -> Finding:
    says = f"logged on {answers.days[0]}" + (f" to {answers.days[-1]}" if len(answers.days) > 1 else "")
    says += ", some after the as-of day: a replay" if answers.replay else ""
    return note("answers", "answers", says, now=answers.total)


def _below(name: str, share: float, limit: float) -> Finding:
    over = share > limit
    says = f"{name}: {share:.1%}, more than {limit:.0%}" if over else ""
    return Finding("answers", name, State.ALARM if over else State.OK, share, limit=limit, says=says, unit="share")


def _without_release(answers: Answers, live: Manifest | None) -> Finding:
    refused = Counter(a.fallback for a in answers.read)[Fallback.NO_RELEASE]
    says = "answered before a release was live, or by a service that could not load it" if refused else ""
    return Finding("answers", "answers without a release", State.NOTE if refused and live else State.OK, refused, says=says)


def _coverage(answers: Answers, live: Manifest | None) -> list[Finding]:
    if live is None:
        return []
    shown = {t.track_id for a in answers.read if a.release == live.version for t in a.tracks}
    share = len(shown) / live.tracks
    return [note("answers", "catalogue coverage", f"{len(shown)} of {live.tracks} tracks shown", now=share, unit="share")]


def _latency(answers: Answers) -> list[Finding]:
    """Of answers somebody waited for: playlists made ahead log no latency."""
    waited = [a.latency_ms for a in answers.read if a.latency_ms > 0]
    if not waited:
        return []
    p50, p99 = np.percentile(waited, [50, 99])
    return [
        note("answers", "latency p50", "", now=round(float(p50), 3), unit="ms"),
        note("answers", "latency p99", "", now=round(float(p99), 3), unit="ms"),
    ]


def best_scores(answers: Answers, version: str, rows: int) -> list[float]:
    """The best score of each list that `version` ranked: at most `rows`, every k-th; weekly playlists where there are any.

    Only what the ranker scored counts: popular and similar tracks in the same log carry other scales.
    """
    given = [a for a in answers.read if a.release == version]
    weekly = [a for a in given if a.surface is Surface.WEEKLY]
    lists = [[t.score for t in a.tracks if t.source == CandidateSource.RETRIEVER] for a in weekly or given]
    best = [max(ranked) for ranked in lists if ranked]
    return best[:: max(1, -(-len(best) // rows))]


def _share(values: Iterator[bool]) -> float:
    flags = list(values)
    return sum(flags) / len(flags)
