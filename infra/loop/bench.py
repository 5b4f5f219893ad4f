"""`segue bench loop`: six weeks of the same world, once with Segue's lists, once with the charts, once with item neighbours,
and once with those of who knows everybody's tastes.

The listeners, their tastes, the catalogue and the random streams are the same in every arm; only whose lists they get differs,
and what follows from that: what they heard, keep and know of. Segue's arm is landed in a home of its own and goes through the
stages as commands every week, retraining included; the other arms count their own logs here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from infra.loop.counting import item_knn, popularity
from infra.loop.log import Log
from infra.loop.measures import Week, measured
from infra.loop.report import SEGUE, TRUTH, drawn, findings, told
from infra.loop.stages import Stages, as_rows
from infra.loop.truth import best_by_truth
from infra.world.judgement import Plays, joined_plays
from infra.world.landing import Landing
from infra.world.offered import Offers
from infra.world.simulation import DAYS_PER_WEEK, World, make_world
from infra.world.space import Ints
from segue.errors import SegueError
from segue.home import Home, get_home
from segue.stage import Outcome, Progress

START = date(2026, 9, 21)
PAST_WEEKS = 4
"""Weeks of listening before the first list: two teach the retriever, one the ranker, one is held out."""

Recommender = Callable[[World, Log, int], Ints]
Land = Callable[[int, Plays], object]
IN_MEMORY: dict[str, Recommender] = {"popularity": popularity, "item-kNN": item_knn, TRUTH: best_by_truth}


def bench_loop(*, users: int = 1_000, tracks: int = 10_000, weeks: int = 6, seed: int = 17) -> Outcome:
    """Run every arm for `weeks` weeks after a past of four, and say how each week's lists were received."""
    if weeks < 1:
        raise SegueError(expected="--weeks of at least 1", received=str(weeks), mend="give a larger --weeks")
    progress, arms = Progress("bench loop"), {}
    sizes: dict[str, Any] = {"users": users, "tracks": tracks, "seed": seed, "days": DAYS_PER_WEEK * (PAST_WEEKS + weeks)}
    for name, recommender in IN_MEMORY.items():
        with progress.step(name):
            world = make_world(start=START, **sizes)
            arms[name] = _aloud(lived(world, recommender, _nowhere), progress)
    with progress.step(SEGUE), tempfile.TemporaryDirectory(prefix="segue-loop-") as folder:
        arms[SEGUE], releases = _served(Path(folder), make_world(start=START, **sizes), progress)
    found = findings(arms) | {"releases": releases, "users": users, "tracks": tracks, "weeks": weeks, "seed": seed}
    chart = drawn(get_home().chart("loop"), arms)
    found |= {"chart": str(chart), "seconds": {name: progress.seconds[name] for name in arms}}
    return Outcome(found, f"{told(arms, found)}\nThe chart is {chart}")


def _served(root: Path, world: World, progress: Progress) -> tuple[list[Week], list[dict[str, Any]]]:
    landing, stages, releases = Landing(Home(root), world), Stages(root, progress), []

    def segue(world: World, log: Log, number: int) -> Ints:
        lists, release = stages.week(world.day(number))
        releases.append(release)
        return as_rows(lists, popularity(world, log, number))  # who joins in a week gets the popular until the next

    return _aloud(lived(world, segue, landing.land), progress), releases


def _aloud(lived_weeks: Iterator[Week], progress: Progress) -> list[Week]:
    """The weeks, each told when it is over: a long run that is broken off has said something."""
    weeks: list[Week] = []
    for week in lived_weeks:
        weeks.append(week)
        saved, skipped, covered = (f"{100 * rate:.2f}%" for rate in (week.save_rate, week.skip_rate, week.coverage))
        progress.say(f"week {len(weeks)}: {week.plays} plays, {saved} saved, {skipped} skipped, {covered} covered")
    return weeks


def _nowhere(_number: int, _plays: Plays) -> None:
    """Arms but Segue's keep their log in memory."""


def lived(world: World, recommender: Recommender, land: Land) -> Iterator[Week]:
    """The past of a world, then every week with lists that `recommender` makes of the log up to the day it begins."""
    offers, log = Offers(world), Log(world)
    days = world.run(offers)
    for _ in range(PAST_WEEKS):
        _week(days, log, land)
    for number in range(PAST_WEEKS * DAYS_PER_WEEK, world.days, DAYS_PER_WEEK):
        lists, known = recommender(world, log, number), log.artists()
        offers.give(lists)
        yield measured(world, number, lists, _week(days, log, land), known)


def _week(days: Iterator[tuple[int, Any, Plays]], log: Log, land: Land) -> Plays:
    """Live through seven days; their plays."""
    lived_days = []
    for _ in range(DAYS_PER_WEEK):
        number, _tastes, plays = next(days)
        log.add(number, plays)
        land(number, plays)
        lived_days.append(plays)
    return joined_plays(lived_days)
