"""What the demo does, as data: which days it lives through, and what it enters in the trigger forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from segue.errors import SegueError
from segue.names import Source

THIRTY_MUSIC_DAYS = (date(2014, 4, 25), date(2014, 6, 24), date(2014, 8, 23))
"""The last full day of each of the three windows of 30Music."""
THIRTY_MUSIC_HOLDOUT = 2
"""Days: the windows are five to six days long."""


@dataclass(frozen=True)
class World:
    """The size of the simulated streaming service."""

    start: date = date(2026, 9, 21)
    days: int = 56
    users: int = 2_000
    tracks: int = 10_000
    seed: int = 17


@dataclass(frozen=True)
class Round:
    """One turn of the loop, as of one day; `landing` is what the `listening` form gets beside the day."""

    as_of: date
    landing: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """The rounds, the settings they need, and `home`, the name of their own folder under `SEGUE_HOME` ("" for itself)."""

    name: str
    rounds: tuple[Round, ...]
    settings: dict[str, str] = field(default_factory=dict)
    recommender: dict[str, Any] = field(default_factory=dict)
    home: str = ""

    def identity(self) -> dict[str, Any]:
        """What must be the same for a second demo on the same home."""
        return {"name": self.name, "rounds": [[r.as_of.isoformat(), r.landing] for r in self.rounds]}


def world_plan(world: World) -> Plan:
    """One round on the last day of a simulated service."""
    landing = {
        "source": "world",
        "start": world.start.isoformat(),
        "days": world.days,
        "users": world.users,
        "tracks": world.tracks,
        "seed": world.seed,
    }
    return Plan("world", (Round(world.start + timedelta(days=world.days - 1), landing),))


def thirty_music_plan(data: Path) -> Plan:
    """Three rounds on the three windows of 30Music; everything is landed in the first, each looks at its own past.

    Raises:
        SegueError: `data` is not there.
    """
    if not data.exists():
        raise SegueError(
            expected="the folder of the 30Music plays", received=f"{data}, which is not there", mend="give it with --data DIR"
        )
    first, *others = THIRTY_MUSIC_DAYS
    landing = {"source": Source.THIRTY_MUSIC.value, "path": str(data.resolve())}
    rounds = (Round(first, landing), *(Round(day, {"source": "service"}) for day in others))
    holdout = {"SEGUE_HOLDOUT_DAYS": str(THIRTY_MUSIC_HOLDOUT)}
    return Plan(Source.THIRTY_MUSIC.value, rounds, holdout, {"holdout_days": THIRTY_MUSIC_HOLDOUT}, home="30music")
