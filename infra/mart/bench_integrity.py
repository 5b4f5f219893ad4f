"""`segue bench integrity`: how many plays of bots are found, how many listeners are wronged, and what attacks move.

Only here, outside of the platform, is the truth of a world read. Each seed is two worlds: one with the default share of bots,
where most are alone of their kind, and one with ten times as many, where accounts of a kind are several. The limits were
chosen on the seeds 1 to 3: others are a test. The attacks (`attacks.py`) are landed over the default world one by one, then
all at once, each at a target of its own, but for the one that is known to get through.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from infra.mart.attacks import ATTACKS, WIDE, Attack, land_attack
from infra.mart.command import make_gold
from infra.mart.integrity_report import draw, measured, told
from infra.world.command import simulate
from infra.world.parameters import WorldParameters
from segue.errors import SegueError
from segue.home import Home, get_home
from segue.stage import Outcome, Progress

START, DAYS, TRACKS = date(2026, 9, 21), 28, 3_000
AS_OF = START + timedelta(days=DAYS - 1)
SHARES = {"default": 1, "tenfold": 10}
"""How many times the bots that a world has by default."""

CAUGHT = 0.5
"""A play is caught that counts for half or less; a listener is wronged by any weight below 1."""
TARGET_RANK = 200
SEEDS = 3
RELEASES = 20
"""Of the tracks released within the world, so many of the most played are followed."""

_BY_KIND = """
select coalesce(bot_kind, 'listener') as kind, count(distinct user_id) as accounts, count(*) as plays,
       count(*) filter (integrity <= $caught) as caught,
       count(*) filter (user_id in (select user_id from silver.account_integrity where weight = 0)) as counted_out,
       count(distinct user_id) filter (integrity < 1) as doubted
from gold.labels inner join read_parquet($truth) as truth using (user_id) group by all order by kind
"""
_NEWCOMERS = """
select count(distinct user_id) as accounts, count(distinct user_id) filter (integrity < 1) as doubted
from gold.labels inner join silver.accounts using (user_id) inner join read_parquet($truth) as truth using (user_id)
where signup_date >= $start and bot_kind is null
"""
_RANKS = """
select track_id, row_number() over (order by plays_30d desc, users_30d desc, track_id) as place, plays_30d
from gold.track_features where day = $day order by place
"""
_UNWEIGHTED = "select track_id, count(*) as plays from gold.labels group by track_id order by plays desc, track_id"
_RELEASES = """
with ranks as (
    select track_id, release_date, row_number() over (order by plays_30d desc, users_30d desc, track_id) as place, true_place
    from gold.track_features inner join silver.catalogue using (track_id) inner join (
        select track_id, row_number() over (order by count(*) desc, count(distinct user_id) desc, track_id) as true_place
        from gold.labels inner join read_parquet($truth) as truth using (user_id) where bot_kind is null group by track_id
    ) as by_listeners using (track_id) where day = $day
)
select track_id, true_place, place from ranks where release_date >= $start order by true_place limit $releases
"""


def bench_integrity(*, users: int = 1_000, seed: int = 4) -> Outcome:
    """Simulate worlds with bots, of `seed` and the next seeds, build their marts, attack them, and compare with the truth."""
    progress, seeds = Progress("bench integrity"), range(seed, seed + SEEDS)
    found = measured([_seed(users, seed, progress) for seed in seeds])
    path = draw(get_home().chart("integrity"), found)
    summary = found | {"users": users, "seeds": list(seeds), "chart": str(path)}
    return Outcome(summary, f"{told(found)}\nThe chart is {path}")


def _seed(users: int, seed: int, progress: Progress) -> dict[str, Any]:
    """What one seed shows: `worlds` by share of bots, `attacks`, and `releases`."""
    worlds: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="segue-integrity-") as folder:
        for name, times in SHARES.items():
            home = Home(Path(folder) / name)
            with progress.step(f"seed {seed}: {name} share of bots"):
                _world(home, users, seed, times)
            worlds[name] = _query(home, _BY_KIND, caught=CAUGHT, truth=_truth(home))
        world = Home(Path(folder) / "default")
        newcomers = _query(world, _NEWCOMERS, truth=_truth(world), start=START)[0]
        releases = _query(world, _RELEASES, truth=_truth(world), start=START, day=AS_OF, releases=RELEASES)
        attacks: list[dict[str, Any]] = []
        for landed in (*((attack,) for attack in (*ATTACKS, WIDE)), ATTACKS):
            name = " and ".join(attack.name for attack in landed)
            with progress.step(f"seed {seed}: attacked by {name}"), tempfile.TemporaryDirectory(dir=folder) as copy:
                attacks += _attacked(world, Home(Path(copy) / "home"), landed)
    return {"seed": seed, "worlds": worlds, "newcomers": newcomers, "releases": releases, "attacks": attacks}


def _world(home: Home, users: int, seed: int, times: int) -> None:
    usual = WorldParameters()
    bots = replace(usual, listeners=replace(usual.listeners, bot_share=times * usual.listeners.bot_share))
    simulate(home, start=START, days=DAYS, users=users, tracks=TRACKS, seed=seed, parameters=bots, clips=False)
    make_gold(home, AS_OF, Progress("mart"))


def _attacked(world: Home, home: Home, attacks: Sequence[Attack]) -> list[dict[str, Any]]:
    """Land the attacks in a copy of the world, `home`, build it, and look for the targets among the ranks of both."""
    shutil.copytree(world.root, home.root)
    places = _query(world, _RANKS, day=AS_OF)
    if len(places) < TARGET_RANK + len(attacks):
        raise SegueError(expected=f"{TARGET_RANK} played tracks", received=str(len(places)), mend="give more --users")
    every = [row["track_id"] for row in places]
    targets = places[TARGET_RANK - 1 :][: len(attacks)]
    crowds = [attack.accounts(target["plays_30d"], DAYS) for attack, target in zip(attacks, targets, strict=True)]
    for attack, target, accounts in zip(attacks, targets, crowds, strict=True):
        land_attack(home, attack, target["track_id"], accounts, start=START, days=DAYS, popular=every[:100], every=every)
    make_gold(home, AS_OF, Progress("mart"))
    after = {row["track_id"]: row["place"] for row in _query(home, _RANKS, day=AS_OF)}
    unguarded = [row["track_id"] for row in _query(home, _UNWEIGHTED)]
    kinds = _query(home, _BY_KIND, caught=CAUGHT, truth=_truth(home))
    doubted = next(row["doubted"] for row in kinds if row["kind"] == "listener")
    return [
        {
            "name": attack.name,
            "together": len(attacks) > 1,
            "accounts": accounts,
            "before": target["place"],
            "after": after[target["track_id"]],
            "unguarded": 1 + unguarded.index(target["track_id"]),
            "moved": target["place"] - after[target["track_id"]],
            "listeners_doubted": doubted,
        }
        for attack, target, accounts in zip(attacks, targets, crowds, strict=True)
    ]


def _truth(home: Home) -> str:
    return str(home.world / "truth" / "users.parquet")


def _query(home: Home, sql: str, **values: object) -> list[dict[str, Any]]:
    import duckdb

    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        result = connection.execute(sql, values)
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
