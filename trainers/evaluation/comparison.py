"""Whether one model is better than another, decided here and nowhere else: the tables say what this says, and the gate asks
it too. Two models are compared over the same users in pairs, and a difference counts when its interval says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from trainers.evaluation import metrics
from trainers.evaluation.metrics import Doubles


class Verdict(StrEnum):
    """The answer to "is it better?"; a model that is not worse is `BETTER` or `UNSURE`."""

    BETTER = "yes"
    UNSURE = "unsure"
    WORSE = "no, worse"


@dataclass(frozen=True)
class ComparisonRule:
    """When a difference counts.

    Args:
        confidence: how sure a claim in one direction must be: a bound of the difference holds with this probability.
        margin: a model is better when the lower bound of the difference is above this.
        tolerance: it is worse when the upper bound is below minus this.
        least_users: fewer pairs than this prove nothing: a bootstrap of a handful of users knows only those.
        seed: of the bootstrap.
    """

    confidence: float = 0.975
    margin: float = 0.0
    tolerance: float = 0.0
    least_users: int = 30
    seed: int = 17


@dataclass(frozen=True)
class Comparison:
    """Mean difference over the `users` that both have a value for, its bounds, and what follows; NaN without users."""

    mean: float
    low: float
    high: float
    users: int
    verdict: Verdict

    def as_dict(self) -> dict[str, Any]:
        """As JSON values, None for what is not known."""
        ends = {"mean": self.mean, "low": self.low, "high": self.high}
        numbers = {name: round(end, 9) if np.isfinite(end) else None for name, end in ends.items()}
        return numbers | {"users": self.users, "verdict": str(self.verdict)}


def compare(ours: Doubles, theirs: Doubles, rule: ComparisonRule | None = None) -> Comparison:
    """Our values (n,) beside theirs (n,), user by user: a bootstrap of the mean difference (Sakai, 2006).

    A pair with a value that is no number is left out.
    """
    rule = rule or ComparisonRule()
    differences = np.asarray(ours, dtype=np.float64) - np.asarray(theirs, dtype=np.float64)
    differences = differences[np.isfinite(differences)]
    mean = float(differences.mean()) if len(differences) else float("nan")
    low, high = metrics.bootstrap_interval(differences, seed=rule.seed, level=2 * rule.confidence - 1)
    return Comparison(mean, low, high, len(differences), verdict(low, high, len(differences), rule))


def verdict(low: float, high: float, users: int, rule: ComparisonRule) -> Verdict:
    """What follows from the bounds of a difference over so many users."""
    if users < rule.least_users:
        return Verdict.UNSURE
    if low > rule.margin:
        return Verdict.BETTER
    return Verdict.WORSE if high < -rule.tolerance else Verdict.UNSURE
