"""The numbers behind a verdict, in one place, and the verdict itself. Reasons: infra/decisions/0004-monitoring-verdicts.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitoring.findings import Finding, State, Verdict


@dataclass(frozen=True)
class Rules:
    """Windows, samples and limits.

    Distances: the normed Wasserstein distance for numbers (in standard deviations of the reference) and the Jensen-Shannon
    distance for categories (0 to 1). Both are set here because Evidently's default changes with the row count. Each limit
    grows by `sqrt(1/n + 1/m)`, the size of what two samples of one distribution differ by, so that a small log is not
    drift by itself. `score_limit` is wider: a reference's lists are made before the policy and some days earlier than those
    shown, which alone moves their best scores by a third of a deviation. `place_limit`, of where people listen among the
    track vectors, is wide because that one number is drift by itself. `filling_share` is the part of a reference's rows with
    too young a log from which a feature counts as still filling: a tenth of the rows, of whose days half are missing on
    average, moves a mean by a twentieth of itself, which is within the limit. Shares are 0 to 1.
    """

    recent_days: int = 7
    training_days: int = 28
    sample_rows: int = 20_000
    fewest_rows: int = 30
    numeric_method: str = "wasserstein"
    numeric_limit: float = 0.1
    score_limit: float = 0.5
    place_limit: float = 0.5
    category_method: str = "jensenshannon"
    category_limit: float = 0.1
    most_categories: int = 30
    drift_share: float = 0.3
    filling_share: float = 0.1
    rate_change: float = 0.25
    rate_z: float = 4.0
    filled_change: float = 0.2
    filled_lost: float = 0.1
    rejected_share: float = 0.2
    fallback_share: float = 0.5
    empty_share: float = 0.01
    unreadable_share: float = 0.01
    most_answers: int = 100_000
    parity_users: int = 50
    norm_tolerance: float = 1e-3
    close_cosine: float = 0.8
    collapsed_cosine: float = 0.98
    neighbour_tracks: int = 300
    neighbours: int = 10


def judge(findings: Sequence[Finding], rules: Rules) -> tuple[Verdict, str]:
    """The verdict and its reason in words: any alarm first, then the drift rule.

    Drift is asked of what a retraining can mend: the share of moved features, or moved scores, outcomes or places of
    listening.
    """
    alarms = [f for f in findings if f.state is State.ALARM]
    if alarms:
        more = f" and {len(alarms) - 1} more" if len(alarms) > 1 else ""
        return Verdict.ALARM, f"{alarms[0].says}{more}"
    moved, compared = count_moved(findings)
    filling = sum(f.state is State.FILLING for f in findings)
    more = f", {filling} more are still filling" if filling else ""
    reasons = [
        f"{f.name} moved" for f in findings if f.state is State.MOVED and f.group in ("scores", "listening", "embeddings")
    ]
    if compared and moved / compared >= rules.drift_share:
        reasons.insert(0, f"{moved} of {compared} features moved{more}")
    if reasons:
        return Verdict.DRIFT, "; ".join(reasons)
    return Verdict.OK, f"{moved} of {compared} features moved{more}"


def count_moved(findings: Sequence[Finding]) -> tuple[int, int]:
    """How many features moved, of how many compared and not still filling."""
    features = [f for f in findings if f.group == "features" and f.state not in (State.NOTE, State.FILLING)]
    return sum(f.state is State.MOVED for f in features), len(features)
