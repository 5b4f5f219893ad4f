"""`segue promote`: the gate. A release goes live when it is not worse than the live one and better than popularity.

The verdict is stored before the pointer moves: a run killed between the two says why, and running it again moves it.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from segue.atomic import write_json
from segue.errors import SegueError
from segue.exit_codes import GATE_REFUSED
from segue.live_release import point_to, read_pointer
from segue.release import require_release, verdict_path, verify
from segue.stage import Outcome, Progress, table
from trainers.evaluation.comparison import Comparison, ComparisonRule, Verdict, compare
from trainers.evaluation.measures import REQUIRED
from trainers.evaluation.result import FUNNEL, LIVE_FUNNEL, POPULAR, LiveState, read
from trainers.registry import check_features, week_hint

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class GateRule(ComparisonRule):
    """What a candidate must show on NDCG of the funnel's lists: better than popularity, and not worse than the live release,
    by the rule the table goes by.

    Args:
        least_coverage: share of the tracks its lists could show, all different, that they must show; a funnel that gives
            everyone the same list is broken.
    """

    least_coverage: float = 0.02


@dataclass(frozen=True)
class Check:
    """One condition, in words."""

    name: str
    passed: bool
    reason: str


def run(*, version: str) -> Outcome:
    """Judge `version`, store the verdict, and make it live when it passed; exit code 3 when it did not.

    Raises:
        SegueError: changed bytes, other feature views, no evaluation, or one that compared it with another live release.
    """
    progress, rule = Progress("promote"), GateRule()
    require_release(version)
    with progress.step("verify"):
        check_features(verify(version))
    pointer = read_pointer()
    live = pointer.version if pointer else None
    if live == version:
        return Outcome({"version": version, "passed": True, "live": version}, f"{version} is live already")
    report, users = read(version)
    _require_present_comparison(report, live)
    checks = judge(report, users, rule)
    passed = all(check.passed for check in checks)
    verdict = {
        "version": version,
        "passed": passed,
        "reason": _reason(checks),
        "compared_with": live,
        "checks": [asdict(check) for check in checks],
        "rule": asdict(rule),
    }
    write_json(verdict_path(version), verdict)
    if not passed:
        text = _text(checks, f"refused: {live or 'no release'} stays live")
        return Outcome(verdict | {"live": live, "hint": None}, text, GATE_REFUSED)
    point_to(version)
    hint = week_hint(version)
    end = f"{version} is live" + (f"\n{hint}" if hint else "")
    return Outcome(verdict | {"live": version, "hint": hint}, _text(checks, end))


def judge(report: dict[str, Any], users: pd.DataFrame, rule: GateRule) -> list[Check]:
    """The conditions of `rule` on a stored evaluation and its values by user, in the order they are told."""
    row = next(model for model in report["models"] if model["model"] == FUNNEL)
    return [
        _sound(row, users),
        _enough(len(users), rule),
        _covers(round(row["coverage"] * report["tracks"]), min(report["tracks"], report["users"] * report["k"]), rule),
        _beats_popularity(users, rule),
        _not_worse_than_live(report["live"], users, rule),
    ]


def _sound(row: dict[str, Any], users: pd.DataFrame) -> Check:
    """A source without genres has no diversity: what is None there is unknown, not broken."""
    unknown = {name for name, value in row.items() if value is None and name not in REQUIRED}
    values = [value for name, value in row.items() if name not in unknown and not isinstance(value, str)]
    broken = [v for v in [*values, *users[FUNNEL]] if not isinstance(v, int | float) or not math.isfinite(v)]
    reason = f"{len(broken)} of its numbers are no numbers" if broken else "every number is finite"
    return Check("numbers", not broken, reason)


def _enough(users: int, rule: GateRule) -> Check:
    return Check("users", users >= rule.least_users, f"{users} users were asked, at least {rule.least_users} are needed")


def _covers(shown: int, possible: int, rule: GateRule) -> Check:
    least = rule.least_coverage * possible
    reason = f"its lists show {shown} different tracks, at least {least:.0f} are wanted"
    return Check("coverage", shown >= least, reason)


def _beats_popularity(users: pd.DataFrame, rule: GateRule) -> Check:
    found = _beside(users, POPULAR, rule)
    passed = found.verdict is Verdict.BETTER
    words = "better than popularity" if passed else "not shown to be better than popularity"
    return Check("popularity", passed, f"{words}: {_sure(found.mean, 'least', found.low, rule)}")


def _not_worse_than_live(live: dict[str, Any], users: pd.DataFrame, rule: GateRule) -> Check:
    state = LiveState[live["state"].upper()]
    if state is LiveState.COMPARED:
        found = _beside(users, LIVE_FUNNEL, rule)
        passed = found.verdict is not Verdict.WORSE
        words = f"{'not ' if passed else ''}worse than the live release {live['version']}"
        return Check("live", passed, f"{words}: {_sure(found.mean, 'most', found.high, rule)}")
    if state is LiveState.SEEN:
        reason = f"{state}: it is newer; train on a later day, or go back to an older release with `segue rollback`"
        return Check("live", False, reason)
    return Check("live", True, f"not compared: {state}")


def _beside(users: pd.DataFrame, other: str, rule: GateRule) -> Comparison:
    return compare(users[FUNNEL].to_numpy(dtype=float), users[other].to_numpy(dtype=float), rule)


def _sure(mean: float, side: str, bound: float, rule: GateRule) -> str:
    if not math.isfinite(mean):
        return "nobody has a value for both"
    return f"NDCG {mean:+.4f}, with {rule.confidence:.1%} confidence at {side} {bound:+.4f}"


def _require_present_comparison(report: dict[str, Any], live: str | None) -> None:
    compared = report["live"]["version"]
    if compared != live:
        raise SegueError(
            expected=f"an evaluation beside the live release {live or '(none)'}",
            received=f"one beside {compared or 'no live release'}",
            mend=f"run `segue evaluate {report['version']}` again",
        )


def _reason(checks: list[Check]) -> str:
    failed = [check.reason for check in checks if not check.passed]
    return "; ".join(failed or [check.reason for check in checks])


def _text(checks: list[Check], end: str) -> str:
    rows = [[check.name, "passed" if check.passed else "FAILED", check.reason] for check in checks]
    return "\n".join([table(["check", "", "reason"], rows), "", end])
