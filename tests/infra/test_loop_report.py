"""What the closed loop says of its weeks: the bars, and how sure each comparison is, with known answers."""

from __future__ import annotations

import numpy as np

from infra.loop.certainty import Doubles, difference, share, times
from infra.loop.measures import Week
from infra.loop.report import findings, told


def week_of(saved: float = 0.06, skipped: float = 0.3, coverage: float = 0.5, users: int = 50) -> Week:
    """A week in which every listener played a hundred tracks of their list, and these shares of them."""
    played = np.full(users, 100.0)
    counted = np.stack([played * rate for rate in (saved, skipped, skipped / 2, 0.5)])
    return Week(played, counted, coverage, gini=0.4, gini_all_plays=0.6)


def test_bars_compare_the_last_week_and_say_what_is_not_reached() -> None:
    ours = [week_of(), week_of(skipped=0.31)]
    chart = [week_of(), week_of(saved=0.03, coverage=0.1)]
    arms = {"Segue": ours, "popularity": chart, "the truth": [week_of(skipped=0.1), week_of(skipped=0.15)]}
    found = findings(arms)
    assert found["bars"] == {"save_rate": True, "coverage": True, "skip_rate": False}
    text = told(arms, found)
    assert "saved 2.00 times (2.00 to 2.00) popularity's rate (bar 1.5): reached" in text
    assert "not reached; lists of who knows every taste: +0.0500 (+0.0500 to +0.0500)" in text
    assert "+0.0300 (+0.0300 to +0.0300)" in text


def test_nothing_saved_from_the_charts_reaches_no_bar() -> None:
    arms = {"Segue": [week_of()], "popularity": [week_of(saved=0)], "the truth": [week_of()]}
    found = findings(arms)
    assert found["save_rate_over_popularity"] is None
    assert found["intervals"]["save_rate_over_popularity"] is None
    assert not found["bars"]["save_rate"]
    assert "saved no times popularity's rate" in told(arms, found)


def received(rng: np.random.Generator, mood: Doubles, rate: float) -> Week:
    """A week of listeners (n,) who differ in mood: some save much of whatever they get."""
    played = rng.integers(1, 40, len(mood))
    saved = rng.binomial(played, np.clip(rate * mood, 0, 1))
    return Week(played.astype(float), np.stack([saved, saved, saved, saved]).astype(float), 0.5, 0.4, 0.6)


def test_an_interval_covers_the_rate_that_lists_were_saved_at() -> None:
    rng, covered, naive = np.random.default_rng(3), 0, 0
    for _ in range(200):
        mood = rng.gamma(0.5, 2.0, 300)  # mean 1, many near 0: what one listener does is not news thirty times over
        week = received(rng, mood, 0.05)
        sure = share(week, "save_rate")
        covered += sure.low <= 0.05 <= sure.high
        alone = 1.96 * np.sqrt(sure.value * (1 - sure.value) / week.plays)
        naive += abs(sure.value - 0.05) <= alone
    assert 0.90 <= covered / 200 <= 0.99
    assert naive / 200 < 0.85  # plays taken as if each had a listener of its own: the check above would be red


def test_the_same_listeners_make_a_difference_surer_than_two_intervals_do() -> None:
    rng = np.random.default_rng(5)
    mood = rng.gamma(0.5, 2.0, 400)
    better, worse = received(rng, mood, 0.06), received(rng, mood, 0.05)
    apart = difference(better, worse, "save_rate")
    assert apart.low < apart.value < apart.high
    assert apart.half < np.hypot(share(better, "save_rate").half, share(worse, "save_rate").half)
    assert times(better, better, "save_rate").low == times(better, better, "save_rate").high == 1.0
