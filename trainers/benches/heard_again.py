"""How often the intervals of `segue evaluate` hold the truth, where the truth is known: the slots of one log are filled and
heard again many times, each time by as many users, drawn from those of the log with all their slots: what one user saves goes
together. What slots choose from, what each candidate is worth and its propensity stay as logged; which one a slot takes is
drawn again by its propensities, and whether that is saved by its true chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainers.evaluation.off_policy import Estimate, Floats, Slots, Target, estimated
from trainers.evaluation.target_policies import LOGGED

HEARINGS, _SEED = 500, 29
COVERED = (0.92, 0.98)
"""The share of hearings whose 95 % interval has to hold the truth: 500 of them tell it to within 0.02."""
PROVING = 3
"""Policies."""
Estimator = Callable[[Floats, Floats, Any], Estimate]


@dataclass(frozen=True)
class Covered:
    """Of a policy: the share of hearings whose interval of SNIPS, and of its lead over what was logged, holds the truth; and
    how wide the first is in the mean, beside how wide it would be at best: as 95 % of the estimates are spread."""

    snips: float
    lead: float
    width: float
    spread: float


def proved(found: Mapping[str, Covered]) -> bool:
    """Whether no policy's interval holds the truth too seldom, and those of `PROVING` others than the logged one not too often
    either: where a policy takes what hardly any slot took, few saves make an interval that holds more than it has to."""
    near = [one.snips <= COVERED[1] for name, one in found.items() if name != LOGGED]
    return all(one.snips >= COVERED[0] for one in found.values()) and sum(near) >= PROVING


def heard_again(
    slots: Slots,
    chance: Floats,
    targets: Mapping[str, Target],
    *,
    hearings: int = HEARINGS,
    estimator: Estimator = estimated,
    logged: Floats | None = None,
) -> dict[str, Covered]:
    """How well each target's intervals hold, when candidates (s, p) are saved with this `chance`. For whoever doubts the
    bench: an `estimator` of their own, and other propensities (s, p) than those drawn from as what the log says."""
    rng, said = np.random.default_rng(_SEED), slots.propensity if logged is None else logged
    passed = slots.propensity.cumsum(axis=1)
    chances = {name: target(slots) for name, target in targets.items()}
    truth = {name: float((of * chance).sum(axis=1).mean()) for name, of in chances.items()}
    as_logged = float((slots.propensity * chance).sum(axis=1).mean())
    held: dict[str, list[tuple[bool, bool, float, float]]] = {name: [] for name in targets}
    _, number, count = np.unique(slots.user, return_inverse=True, return_counts=True)
    of_user = np.split(np.argsort(number, kind="stable"), count.cumsum()[:-1])
    for _ in range(hearings):
        who = rng.integers(len(count), size=len(count))
        at, user = np.concatenate([of_user[one] for one in who]), np.repeat(np.arange(len(who)), count[who])
        took = (passed[at] <= (rng.random(len(at)) * passed[at, -1])[:, None]).sum(axis=1)
        saved = (rng.random(len(at)) < chance[at, took]).astype(np.float64)
        for name, of in chances.items():
            found = estimator(of[at, took] / said[at, took], saved, user)
            of_snips = found.snips_low <= truth[name] <= found.snips_high
            of_lead = found.lead_low <= truth[name] - as_logged <= found.lead_high
            held[name].append((of_snips, of_lead, found.snips_high - found.snips_low, found.snips))
    return {name: _covered(np.array(of, dtype=np.float64)) for name, of in held.items()}


def _covered(held: Floats) -> Covered:
    low, high = np.quantile(held[:, 3], (0.025, 0.975))
    of_snips, of_lead, width = held[:, :3].mean(axis=0).tolist()
    return Covered(of_snips, of_lead, width, float(high - low))
