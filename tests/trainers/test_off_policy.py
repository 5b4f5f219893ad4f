"""What another policy would have saved, on a bandit whose save rates are known."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from trainers.benches.heard_again import COVERED, Covered, heard_again
from trainers.evaluation.charts import _explored
from trainers.evaluation.comparison import Verdict
from trainers.evaluation.off_policy import Estimate, Slots, Target, estimate, estimated
from trainers.evaluation.target_policies import TARGETS, any_alike, as_logged, best_ranked, most_believed

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
        newness=np.zeros(open_.shape),
        tilt=np.zeros(count),
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


FEW_SAVES = np.array([0.03, 0.06, 0.04, 0.01])


def held(count: int, target: Target, **other: Any) -> Covered:
    """How often the interval holds when the slots of one log are filled and heard 600 times."""
    slots = bandit(8, count, rates=FEW_SAVES)
    return heard_again(slots, np.tile(FEW_SAVES, (count, 1)), {"asked": target}, hearings=600, **other)["asked"]


@pytest.mark.parametrize("target", [as_logged, best_ranked, any_alike, most_believed])
def test_a_95_percent_interval_holds_the_truth_that_often_and_is_no_wider_than_that_takes(target: Target) -> None:
    found = held(1_500, target)
    assert COVERED[0] <= found.snips <= COVERED[1]
    assert found.width < 1.15 * found.spread
    assert target is as_logged or COVERED[0] <= found.lead <= COVERED[1]


@pytest.mark.parametrize("target", [best_ranked, any_alike, most_believed])
def test_few_users_are_covered_by_wider_intervals(target: Target) -> None:
    few, many = held(120, target), held(1_500, target)
    assert few.snips >= COVERED[0]
    assert few.width > 2 * many.width


def test_a_rate_that_hangs_on_one_saver_is_less_sure_than_one_of_many() -> None:
    reward = np.zeros(400)
    reward[::10] = 1
    alike, alone = np.ones(400), np.where(np.arange(400) == 0, 40.0, 1.0)
    of_many, of_one = (estimated(weight, reward, np.arange(400)) for weight in (alike, alone))
    assert of_one.snips_high - of_one.snips_low > 3 * (of_many.snips_high - of_many.snips_low)


def halved(weight: Any, reward: Any, user: Any) -> Estimate:
    """An estimate that is twice as sure as it may be."""
    found = estimated(weight, reward, user)
    ends = {
        f"{name}_{end}": (getattr(found, name) + getattr(found, f"{name}_{end}")) / 2
        for name in ("snips", "lead")
        for end in ("low", "high")
    }
    return replace(found, **ends)


@pytest.mark.parametrize("target", [best_ranked, any_alike, most_believed])
def test_intervals_of_half_the_width_hold_it_too_seldom(target: Target) -> None:
    too_sure = held(1_500, target, estimator=halved)
    assert max(too_sure.snips, too_sure.lead) < COVERED[0]


def test_intervals_from_propensities_that_lie_hold_it_too_seldom() -> None:
    lied = held(3_000, any_alike, logged=any_alike(bandit(8, 3_000, rates=FEW_SAVES)))
    assert max(lied.snips, lied.lead) < COVERED[0]


def each_alone(weight: Any, reward: Any, user: Any) -> Estimate:
    """An estimate that takes every slot for a user of its own."""
    return estimated(weight, reward, np.arange(len(user)))


def test_intervals_that_do_not_go_by_user_hold_it_too_seldom_where_users_differ() -> None:
    slots = replace(bandit(8, 3_000), user=np.arange(3_000) // 10)
    chance = np.where(slots.user % 3 == 0, 0.3, 0.02)[:, None] * np.ones(len(RATES))
    by_user, alone = (
        heard_again(slots, chance, {"asked": any_alike}, hearings=600, estimator=of)["asked"] for of in (estimated, each_alone)
    )
    assert COVERED[0] <= by_user.snips <= COVERED[1]
    assert alone.snips < COVERED[0]


def test_a_policy_is_called_better_or_worse_than_what_was_logged_when_the_interval_over_its_users_says_so() -> None:
    slots = bandit(6, 4_000)
    found = {name: estimate(slots, target) for name, target in TARGETS.items()}
    assert found["most believed"].better is Verdict.BETTER
    assert found["best ranked"].better is Verdict.WORSE
    assert found["as logged"].better is Verdict.UNSURE
    assert found["as logged"].lead == 0
    for one in found.values():
        assert one.lead == pytest.approx(one.snips - found["as logged"].snips)
        assert (one.lead_low <= 0 <= one.lead_high) == (one.better is Verdict.UNSURE)
    few = replace(slots, user=slots.user % 20)
    assert estimate(few, TARGETS["most believed"]).better is Verdict.UNSURE, "twenty users prove nothing"


def test_the_chart_shows_every_estimate_with_its_interval_and_nothing_where_there_is_none() -> None:
    slots = bandit(6, 400)
    told = [{"policy": name} | asdict(estimate(slots, target)) for name, target in TARGETS.items()]
    rates, lead = _explored({"exploration": {"saves": 80, "slots": 400, "policies": told}})
    assert [(bar.name, bar.value, bar.low, bar.high) for bar in rates.rows] == [
        (row["policy"], row["snips"], row["snips_low"], row["snips_high"]) for row in told
    ]
    assert [bar.name for bar in lead.rows] == [name for name in TARGETS if name != "as logged"]
    assert lead.mark == 0
    assert _explored({"exploration": None}) == _explored({}) == []


def test_the_lead_is_surer_than_two_intervals_side_by_side() -> None:
    slots = bandit(9, 4_000)
    one = estimate(slots, TARGETS["dial at 1"])
    assert one.lead_high - one.lead_low < 0.7 * (one.snips_high - one.snips_low)


def test_slots_without_a_save_leave_a_rate_that_may_be_more_than_none() -> None:
    slots = replace(bandit(7), reward=np.zeros(400))
    found = estimate(slots, best_ranked)
    assert found.snips == found.snips_low == pytest.approx(0, abs=1e-12)
    assert found.snips_high > 0.01


@pytest.mark.parametrize("change", [{"reward": np.zeros(400)}, {"user": np.zeros(400, dtype=np.int64)}])
def test_ips_claims_no_bounds_where_nothing_tells_how_far_it_errs(change: dict[str, Any]) -> None:
    found = estimate(replace(bandit(7), **change), best_ranked)
    assert np.isfinite(found.ips)
    assert np.isnan([found.ips_low, found.ips_high]).all()
    assert found.snips_low <= found.snips < found.snips_high < 1
    assert np.isfinite(estimate(bandit(7), best_ranked).ips_low)


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
