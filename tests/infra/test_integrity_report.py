"""What the integrity bench makes of its counts, and whether its attacks are as large as it says."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from infra.mart.attacks import ATTACKS, LIFT, WIDE, Attack, land_attack
from infra.mart.integrity_report import interval, measured, told
from segue.home import Home

DAY = date(2026, 9, 21)


def row(kind: str, accounts: int, plays: int, caught: int, doubted: int) -> dict[str, Any]:
    return {"kind": kind, "accounts": accounts, "plays": plays, "caught": caught, "counted_out": plays, "doubted": doubted}


def seed(
    *, caught: int = 96, doubted: int = 0, moved: int = 0, beside: int = 0, wide: int = 9, at_once: int = 45
) -> dict[str, Any]:
    """A seed of 1,000 listeners and 100 plays of bots in either world."""
    world = [row("slow", 1, 100, caught, 1), row("listener", 1_000, 9_000, 0, doubted)]
    attacks = [
        {
            "name": attack.name,
            "together": together,
            "accounts": 5,
            "before": 200,
            "after": 200 - by,
            "unguarded": 1,
            "moved": by,
            "listeners_doubted": 90 if together else beside,
        }
        for together, attack, by in [
            *((False, attack, moved) for attack in ATTACKS),
            (False, WIDE, wide),
            *((True, attack, at_once) for attack in ATTACKS),
        ]
    ]
    return {
        "seed": 1,
        "worlds": {"default": world, "tenfold": world},
        "attacks": attacks,
        "newcomers": {"accounts": 9, "doubted": 0},
        "releases": [{"place": 7, "true_place": 9}],
    }


def test_a_bench_within_its_bars_is_met_and_tells_what_attacks_do_at_once() -> None:
    found = measured([seed(), seed(doubted=4)])
    assert found["met"]
    assert found["listeners_down_weighted"] == 0.002
    assert found["releases_moved"] == 2
    assert "9 places (wide): all met" in told(found)
    assert "5 attacks at once move their tracks 45 places at most, with 9.0% of listeners down-weighted" in told(found)


@pytest.mark.parametrize(
    "worse", [{"caught": 90}, {"doubted": 20}, {"moved": -10}, {"moved": 10}, {"wide": 10}, {"beside": 5}]
)
def test_any_bar_missed_by_one_seed_is_told(worse: dict[str, int]) -> None:
    found = measured([seed(), seed(**worse)])
    assert not found["met"]
    assert "not all met" in told(found)


def test_the_interval_holds_its_share_also_where_nothing_was_counted() -> None:
    low, high = interval(0, 1_000)
    assert low == pytest.approx(0, abs=1e-12)
    assert 0.003 < high < 0.005


@pytest.mark.parametrize("attack", [*ATTACKS, WIDE], ids=lambda attack: attack.name)
def test_an_attack_plays_its_target_a_hundredfold(attack: Attack, tmp_path: Path) -> None:
    plays, days, home = 20, 7, Home(tmp_path / "home")
    accounts = attack.accounts(plays, days)
    for number in range(days):
        home.landing_day("events", "events", DAY + timedelta(days=number)).mkdir(parents=True)
    land_attack(home, attack, "target", accounts, start=DAY, days=days, popular=["hit"], every=["hit", "rare"])
    landed = [event for path in sorted(tmp_path.rglob("*.parquet")) for event in pq.read_table(path).to_pylist()]
    of_target = [event for event in landed if event["track_id"] == "target"]
    assert len(of_target) >= (LIFT - 1) * plays
    assert len({event["user_id"] for event in of_target}) == accounts
    assert len({event["event_id"] for event in landed}) == len(landed)
    assert ({event["track_id"] for event in landed} - {"target"} == {"hit", "rare"}) is attack.wide
