"""What another policy would have saved, on a bandit whose save rates are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from trainers.evaluation.off_policy import Slots, Target, estimate
from trainers.evaluation.target_policies import TARGETS, any_alike, as_logged, best_ranked

RATES = np.array([0.15, 0.5, 0.2, 0.05])
"""The save rate of each candidate; the last but one is closed in half of the slots."""


def bandit(seed: int, count: int = 400, *, rates: np.ndarray = RATES) -> Slots:
    """Slots of a policy that likes what is ranked high, and is wrong: the best saved is ranked second."""
    rng = np.random.default_rng(seed)
    open_ = np.ones((count, len(rates)), dtype=bool)
    open_[::2, 2] = False
    worth = np.where(open_, np.array([1.0, 0.7, 0.4, 0.1]) + rng.normal(0, 0.05, open_.shape), 0)
    chance = np.where(open_, np.exp(3 * worth), 0)
    chance = 0.8 * chance / chance.sum(axis=1, keepdims=True) + 0.2 * open_ / open_.sum(axis=1, keepdims=True)
    took = (chance.cumsum(axis=1) < rng.random(count)[:, None]).sum(axis=1)
    return Slots(
        took=took,
        propensity=chance,
        worth=worth,
        mean=np.where(open_, np.log(rates), 0),
        deviation=np.full(open_.shape, 0.5),
        genre=np.tile(np.arange(len(rates)) % 2, (count, 1)),
        artist=np.tile(np.arange(len(rates)), (count, 1)),
        of_genre=np.full(open_.shape, 0.3),
        dial=np.full(count, 0.5),
        reward=(rng.random(count) < rates[took]).astype(float),
        user=np.arange(count) // 2,
    )


def truth(slots: Slots, target: Target) -> float:
    return float((target(slots) * RATES).sum(axis=1).mean())


@pytest.mark.parametrize("name", TARGETS)
def test_the_estimate_is_right_on_average_and_its_interval_covers_the_truth(name: str) -> None:
    runs = [bandit(seed) for seed in range(60)]
    found = [estimate(slots, TARGETS[name]) for slots in runs]
    wanted = [truth(slots, TARGETS[name]) for slots in runs]
    for rates in ([one.ips for one in found], [one.snips for one in found]):
        off = np.array(rates) - wanted
        assert abs(off.mean()) < 3.5 * off.std() / np.sqrt(len(off)) + 0.002
    covered = [one.snips_low <= true <= one.snips_high for one, true in zip(found, wanted, strict=True)]
    assert np.mean(covered) > 0.88


@pytest.mark.parametrize("target", [best_ranked, any_alike])
def test_wrong_propensities_give_a_wrong_answer(target: Target) -> None:
    off = []
    for seed in range(60):
        slots = bandit(seed)
        lied = replace(slots, propensity=np.where(slots.open, 1 / slots.open.sum(axis=1, keepdims=True), 0))
        off.append(estimate(lied, target).ips - truth(slots, target))
    assert abs(np.mean(off)) > 3.5 * np.std(off) / np.sqrt(len(off))


def test_the_policy_that_made_the_lists_has_the_rate_that_was_seen() -> None:
    slots = bandit(3)
    found = estimate(slots, as_logged)
    assert found.snips == found.ips == pytest.approx(slots.reward.mean())
    assert found.effective_slots == pytest.approx(len(slots))


def test_slots_of_one_user_that_go_together_widen_the_interval() -> None:
    slots = bandit(4)
    twice = np.repeat(np.arange(len(slots)), 2)
    doubled = Slots(**{name: getattr(slots, name)[twice] for name in Slots.__dataclass_fields__})
    alone = estimate(replace(doubled, user=np.arange(len(doubled))), any_alike)
    together = estimate(replace(doubled, user=twice), any_alike)
    once = estimate(replace(slots, user=np.arange(len(slots))), any_alike)
    assert together.snips_high - together.snips_low == pytest.approx(once.snips_high - once.snips_low, rel=0.01)
    assert alone.snips_high - alone.snips_low < 0.8 * (once.snips_high - once.snips_low)


@pytest.mark.parametrize("name", TARGETS)
def test_a_policy_gives_chances_that_add_up_to_one_and_none_to_what_is_closed(name: str) -> None:
    slots = bandit(5)
    chances = TARGETS[name](slots)
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    assert (chances[~slots.open] == 0).all()
