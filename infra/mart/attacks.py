"""Attacks on what is popular, for the integrity bench: new accounts play a target until it has a hundred times its plays.

Every account looks like any phone's: plays of three minutes within one sitting. What the kinds differ in is how much of an
account is the target, and what hides it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from segue.dates import start_of
from segue.events import EVENT_COLUMNS
from segue.home import Home
from segue.names import Surface

LIFT = 100


@dataclass(frozen=True)
class Attack:
    """What each account of it plays on a day it listens.

    Args:
        name: of the attack, and the beginning of its accounts' names.
        pushed: plays of the target.
        cover: plays of something else.
        once: an account listens on one day ever, instead of every day.
        wide: the cover is drawn from all tracks, instead of the popular ones.
    """

    name: str
    pushed: int
    cover: int
    once: bool = False
    wide: bool = False

    def accounts(self, plays: int, days: int) -> int:
        """How many accounts lift a track of `plays` plays a hundredfold within `days` days."""
        return -(-(LIFT - 1) * plays // (self.pushed * (1 if self.once else days)))


ATTACKS = (
    Attack("loud", 150, 0),
    Attack("quiet", 4, 8),
    Attack("thin", 1, 11),
    Attack("one-shot", 1, 0, once=True),
    Attack("covered", 1, 3, once=True),
)
WIDE = Attack("wide", 1, 11, wide=True)
"""Accounts that look as if each had a taste of its own: what no sign of ours tells from listeners."""


def land_attack(
    home: Home,
    attack: Attack,
    target: str,
    accounts: int,
    *,
    start: date,
    days: int,
    popular: Sequence[str],
    every: Sequence[str],
) -> None:
    """Land what `accounts` accounts play on `days` days from `start`: tracks of `popular` or, if it is wide, of `every`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"string": pa.string(), "int64": pa.int64(), "timestamp[us, tz=UTC]": pa.timestamp("us", tz="UTC")}
    schema = pa.schema([(column, kinds[kind]) for column, kind in EVENT_COLUMNS.items()])
    rng, choice = np.random.default_rng(len(attack.name)), every if attack.wide else popular
    for number in range(days):
        day, present = start + timedelta(days=number), range(number, accounts, days) if attack.once else range(accounts)
        cover = rng.integers(0, len(choice), (len(present), attack.cover))
        rows = [
            _play(attack.name, account, day, moment, track)
            for account, drawn in zip(present, cover, strict=True)
            for moment, track in enumerate([target] * attack.pushed + [choice[place] for place in drawn])
        ]
        folder = home.landing_day("events", "events", day)
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / f"{attack.name}.parquet")


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
        "surface": Surface.PLAYLIST,
    }
