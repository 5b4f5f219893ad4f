"""`segue bench integrity`: how many plays of bots are found, how many listeners are wronged, and what an attack moves.

Only here, outside of the platform, is the truth of a world read. The world has more bots than the default one, so that every
kind of them is several accounts. The thresholds were chosen on the seeds 1 to 3: another seed is a test.

The attack is landed over the same world: new accounts play one track until it has a hundred times the plays it had, loudly (a
few accounts, nothing else) or quietly (many accounts, a few plays of it a day among what is popular).
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from infra.mart.command import make_gold
from infra.world.command import simulate
from infra.world.parameters import WorldParameters
from segue.charts import draw_page
from segue.dates import start_of
from segue.errors import SegueError
from segue.events import EVENT_COLUMNS
from segue.home import Home, get_home
from segue.panels import Bar, Bars
from segue.stage import Outcome, Progress, table

START, DAYS, TRACKS, BOT_SHARE = date(2026, 9, 21), 28, 3_000, 0.02
AS_OF = START + timedelta(days=DAYS - 1)
CAUGHT = 0.5
"""A play is caught that counts for half or less; a listener is wronged by any weight below 1."""

CAUGHT_BAR, WRONGED_BAR, PLACES_BAR = 0.95, 0.005, 10
LIFT, TARGET_RANK = 100, 200
ATTACKS = {"loud": (150, 0), "quiet": (4, 8)}
"""Plays a day of each attacking account: of the target, and of what is popular."""

_BY_KIND = """
select coalesce(bot_kind, 'listener') as kind, count(distinct user_id) as accounts, count(*) as plays,
       count(*) filter (integrity <= ?) as caught, count(distinct user_id) filter (integrity < 1) as doubted
from gold.labels inner join read_parquet(?) as truth using (user_id) group by all order by kind
"""
_RANKS = """
select track_id, row_number() over (order by plays_30d desc, users_30d desc, track_id) as place, plays_30d
from gold.track_features where day = ? order by place
"""
_UNWEIGHTED = "select track_id, count(*) as plays from gold.labels group by track_id order by plays desc, track_id"


@dataclass(frozen=True)
class Attack:
    """The place of the target by plays of 30 days without the attack, with it, and if every play had counted."""

    name: str
    accounts: int
    before: int
    after: int
    unguarded: int

    @property
    def moved(self) -> int:
        return self.before - self.after


def bench_integrity(*, users: int = 1_000, seed: int = 4) -> Outcome:
    """Simulate a world with bots, build its mart, attack it, and compare with the truth."""
    progress = Progress("bench integrity")
    with tempfile.TemporaryDirectory(prefix="segue-integrity-") as folder:
        home = Home(Path(folder) / "world")
        with progress.step("world"):
            simulate(home, start=START, days=DAYS, users=users, tracks=TRACKS, seed=seed, parameters=_with_bots(), clips=False)
        with progress.step("mart"):
            make_gold(home, AS_OF, progress)
        kinds = _query(home, _BY_KIND, [CAUGHT, str(home.world / "truth" / "users.parquet")])
        attacks = [_attacked(home, Home(Path(folder) / name), name, progress) for name in ATTACKS]
    found = _measured(kinds, attacks)
    path = _draw(get_home().chart("integrity"), found)
    return Outcome(found | {"users": users, "seed": seed, "chart": str(path)}, f"{_told(found)}\nThe chart is {path}")


def _with_bots() -> WorldParameters:
    usual = WorldParameters()
    return replace(usual, listeners=replace(usual.listeners, bot_share=BOT_SHARE))


def _attacked(world: Home, home: Home, name: str, progress: Progress) -> Attack:
    """Land the attack in a copy of the world, `home`, build it, and look for the target among the ranks of both."""
    shutil.copytree(world.root, home.root)
    places = _query(world, _RANKS, [AS_OF])
    if len(places) < TARGET_RANK:
        raise SegueError(expected=f"{TARGET_RANK} played tracks", received=str(len(places)), mend="give more --users")
    target, before, plays = places[TARGET_RANK - 1]
    popular = [track for track, _, _ in places[:100]]
    with progress.step(f"{name} attack"):
        accounts = _land(home, name, target, (LIFT - 1) * plays, popular)
        make_gold(home, AS_OF, progress)
    after = next(place for track, place, _ in _query(home, _RANKS, [AS_OF]) if track == target)
    unguarded = 1 + [track for track, _ in _query(home, _UNWEIGHTED, [])].index(target)
    return Attack(name, accounts, before, after, unguarded)


def _land(home: Home, name: str, target: str, plays: int, popular: list[str]) -> int:
    """Land `plays` plays of the target, spread over as many accounts as it takes; how many these are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    daily, cover = ATTACKS[name]
    accounts, rng = -(-plays // (daily * DAYS)), np.random.default_rng(len(name))
    text, at = pa.string(), pa.timestamp("us", tz="UTC")
    kinds = {"string": text, "int64": pa.int64(), "timestamp[us, tz=UTC]": at}
    schema = pa.schema([(column, kinds[kind]) for column, kind in EVENT_COLUMNS.items()])
    for number in range(DAYS):
        day = START + timedelta(days=number)
        rows = [
            _play(name, account, day, moment, target if moment < daily else str(rng.choice(popular)))
            for account in range(accounts)
            for moment in range(daily + cover)
        ]
        folder = home.landing_day("events", "events", day)
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / "attack.parquet")
    return accounts


def _play(name: str, account: int, day: date, moment: int, track: str) -> dict[str, Any]:
    begins: datetime = start_of(day) + timedelta(hours=8, seconds=200 * moment + account % 100)
    return {
        "event_id": f"{name}-{account}-{day}-{moment}",
        "event_type": "play",
        "user_id": f"{name}-{account}",
        "track_id": track,
        "occurred_at": begins,
        "received_at": begins + timedelta(seconds=190),
        "ms_played": 185_000,
        "device": "phone",
        "territory": "US",
        "surface": "playlist",
    }


def _query(home: Home, sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
    import duckdb

    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        return connection.execute(sql, values).fetchall()


def _measured(kinds: list[tuple[Any, ...]], attacks: list[Attack]) -> dict[str, Any]:
    names = ("kind", "accounts", "plays", "caught", "doubted")
    rows = [dict(zip(names, row, strict=True)) for row in kinds]
    bots = [row for row in rows if row["kind"] != "listener"]
    listeners = next(row for row in rows if row["kind"] == "listener")
    caught = sum(row["caught"] for row in bots) / sum(row["plays"] for row in bots)
    wronged = listeners["doubted"] / listeners["accounts"]
    moved = max(abs(attack.moved) for attack in attacks)
    return {
        "bot_plays_caught": round(caught, 4),
        "listeners_down_weighted": round(wronged, 5),
        "places_moved": moved,
        "met": caught >= CAUGHT_BAR and wronged < WRONGED_BAR and moved < PLACES_BAR,
        "kinds": rows,
        "attacks": [vars(attack) | {"moved": attack.moved} for attack in attacks],
    }


def _told(found: dict[str, Any]) -> str:
    kinds = table(
        ["accounts are", "accounts", "plays", "caught", "accounts doubted"],
        [[r["kind"], r["accounts"], r["plays"], r["caught"] / r["plays"], r["doubted"]] for r in found["kinds"]],
    )
    attacks = table(
        ["attack", "accounts", "place before", "place after", "place if all plays counted"],
        [[a["name"], a["accounts"], a["before"], a["after"], a["unguarded"]] for a in found["attacks"]],
    )
    bars = (
        f"{found['bot_plays_caught']:.1%} of bot plays caught (bar {CAUGHT_BAR:.0%}), {found['listeners_down_weighted']:.2%} "
        f"of listeners down-weighted (bar below {WRONGED_BAR:.1%}), an attack of {LIFT} times the plays moves its track by "
        f"{found['places_moved']} places (bar below {PLACES_BAR}): {'all met' if found['met'] else 'not all met'}."
    )
    return f"{kinds}\n\n{attacks}\n\n{bars}"


def _draw(path: Path, found: dict[str, Any]) -> Path:
    kinds = [Bar(r["kind"], r["caught"] / r["plays"], ours=r["kind"] != "listener") for r in found["kinds"]]
    places = [
        bar
        for a in found["attacks"]
        for bar in (
            Bar(f"{a['name']}: before", a["before"]),
            Bar(f"{a['name']}: after", a["after"], ours=True),
            Bar(f"{a['name']}: if all plays counted", a["unguarded"]),
        )
    ]
    panels = [
        Bars(
            "plays caught",
            f"share of plays; the dashed line is the bar of {CAUGHT_BAR:.0%}",
            kinds,
            form=".1%",
            mark=CAUGHT_BAR,
        ),
        Bars("place of the attacked track", "by plays of 30 days", places, form=".0f"),
    ]
    return draw_page(path, "Bots found, and what an attack moves", panels, note="A simulated world whose truth is known.")
