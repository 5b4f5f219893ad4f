"""`segue world`: simulates a streaming service day by day, lands its events and clips and keeps the truth beside them.

Killed and run again, or run with more days, it writes the same bytes: every day follows from the options alone.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import nullcontext
from datetime import date
from functools import partial
from pathlib import Path

from infra.world.catalogue import Tracks
from infra.world.clips import write_clips
from infra.world.judgement import EARLY_SKIP, LATE_SKIP, Plays
from infra.world.landing import Landing
from infra.world.parameters import ClipParameters, WorldParameters
from infra.world.simulation import DAYS_PER_WEEK, World, make_world
from infra.world.truth import TruthKeeper, described
from segue.atomic import write_json
from segue.errors import NotBegunError
from segue.home import Home, get_home
from segue.own_process import beside
from segue.release import read_json
from segue.stage import Outcome, Progress, table


def run(*, start: date, days: int, users: int, tracks: int, seed: int) -> Outcome:
    """Simulate `days` days from `start` and land them under `landing/events`.

    SegueError for sizes that make no world, and when another world is landed in this home already.
    """
    return simulate(get_home(), start=start, days=days, users=users, tracks=tracks, seed=seed)


def simulate(
    home: Home,
    *,
    start: date,
    days: int,
    users: int,
    tracks: int,
    seed: int,
    parameters: WorldParameters | None = None,
    clips: bool = True,
) -> Outcome:
    """Simulate into `home`, with other parameters or without clips if asked.

    What would arrive after the last day is not landed. SegueError for sizes that make no world, and when another world is
    landed in this home already: two worlds in one log would be nonsense.
    """
    progress = Progress("world")
    with progress.step("catalogue and listeners"):
        world = make_world(start=start, days=days, users=users, tracks=tracks, seed=seed, parameters=parameters)
        _claim(home, described(world, users=users, tracks=tracks))
        landing = Landing(home, world)
        truth = TruthKeeper(home.world, world, landing.writer)
        truth.entities()
    with beside(partial(_clips, home, world.catalogue.tracks, seed)) if clips else nullcontext() as recorded:
        with progress.step("days"):
            counts = _land(world, landing, truth, progress)
        if recorded:
            progress.seconds |= recorded()
    summary = {**counts, "days": days, "users": len(world.listeners.population), "tracks": len(world.catalogue.tracks)}
    return Outcome({**summary, "seconds": progress.seconds}, text=_told(home, summary))


def _clips(home: Home, tracks: Tracks, seed: int) -> dict[str, float]:
    """Write the clips in a process beside the days, which know nothing of them; the seconds it took."""
    progress = Progress("world")
    with progress.step("clips"):
        write_clips(home, tracks, ClipParameters(), seed=seed)
    return progress.seconds


def _claim(home: Home, description: dict[str, object]) -> None:
    """Note which world this home holds, before its first file; refuse a second one. Sweeps what a killed run left."""
    noted = home.world / "world.json"
    there = read_json(noted)
    if there is not None and there != json.loads(json.dumps(description)):
        raise NotBegunError(
            expected="the world that is already landed in this home, or none",
            received=f"other options or parameters than {noted} tells",
            mend=f"set SEGUE_HOME to a new folder, or remove {home.landing / 'events'} and {home.world}",
        )
    write_json(noted, description)
    for folder in (home.landing / "events", home.world):
        _sweep(folder, ".*.parquet.*")
    _sweep(home.audio, ".*.flac.*")


def _sweep(folder: Path, temporary: str) -> None:
    for leftover in folder.rglob(temporary):
        leftover.unlink(missing_ok=True)


def _land(world: World, landing: Landing, truth: TruthKeeper, progress: Progress) -> Counter[str]:
    counts: Counter[str] = Counter()
    for number, tastes, plays in world.run():
        arrived = landing.land(number, plays)
        truth.tastes(number, tastes)
        counts.update(events=len(arrived), **_outcomes(plays), **truth.defects(number, arrived))
        if (number + 1) % DAYS_PER_WEEK == 0:
            progress.say(f"{world.day(number)}: {number + 1} of {world.days} days, {counts['events']:,} events")
    return counts


def _outcomes(plays: Plays) -> dict[str, int]:
    return {
        "plays": len(plays.user),
        "early_skips": int((plays.outcome == EARLY_SKIP).sum()),
        "late_skips": int((plays.outcome == LATE_SKIP).sum()),
        "saves": int(plays.saved.sum()),
    }


def _told(home: Home, summary: dict[str, int]) -> str:
    rows = [[name.replace("_", " "), count] for name, count in summary.items()]
    return f"{table(['landed', 'count'], rows)}\n\nEvents: {home.landing / 'events'}\nTruth:  {home.world / 'truth'}"
