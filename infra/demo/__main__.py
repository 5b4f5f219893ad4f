"""`python -m infra.demo`: live through the whole loop on this machine, show it, and leave nothing running."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import FrameType

from infra.demo.claim import claim_home
from infra.demo.failure import DemoFailureError
from infra.demo.follow import Follower
from infra.demo.memory import MemoryWatch
from infra.demo.plan import Plan, World, thirty_music_plan, world_plan
from infra.demo.platform import Platform
from infra.demo.rounds import Loop
from infra.demo.screen import Screen
from infra.demo.summary import show
from segue.errors import SegueError
from segue.exit_codes import INTERRUPTED
from segue.home import Home, get_home
from segue.settings import get_settings


def main(argv: Sequence[str] | None = None) -> int:
    """0 when everything happened, 1 when a stage failed, 2 on bad input, 130 when interrupted before the end."""
    arguments = _parser().parse_args(argv)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        plan = _plan(arguments)
        home = Home(get_home().root / plan.home)
        _use(home, plan)
        with claim_home(home, plan):
            return _live(home, plan, stay=not arguments.once)
    except SegueError as problem:
        sys.stderr.write(f"demo: {problem}\n")
        return 2


def _live(home: Home, plan: Plan, *, stay: bool) -> int:
    screen, done = Screen(), False
    screen.say(f"the demo lives in {home.root}")
    try:
        with _running(home, screen, plan) as (platform, memory):
            follower = Follower(platform.api, screen, platform.check)
            loop = Loop(platform, follower, plan)
            for round_ in plan.rounds:
                screen.say(f"as of {round_.as_of}")
                loop.turn(round_)
            show(platform, loop, follower, memory)
            done = True
            _stay(screen, platform, stay=stay)
    except DemoFailureError as problem:
        screen.block(f"Stage {problem.stage} failed", f"{problem.log}\n\n{problem.reason}")
        return 1
    except KeyboardInterrupt:
        return 0 if done else INTERRUPTED
    return 0


@contextmanager
def _running(home: Home, screen: Screen, plan: Plan) -> Iterator[tuple[Platform, MemoryWatch]]:
    """Everything started, and its memory watched; however the block ends, nothing is left running."""
    platform, memory = Platform(home, screen, plan.settings), MemoryWatch()
    memory.start()
    try:
        platform.start()
        yield platform, memory
    finally:
        _ignore_interrupts()
        screen.say("stopping everything")
        platform.processes.stop()
        memory.stop()


def _stay(screen: Screen, platform: Platform, *, stay: bool) -> None:
    if stay:
        screen.block("Everything is up", "Trigger any DAG on Airflow's page. Ctrl-C ends the demo.")
    while stay:
        platform.check()
        time.sleep(1)


def _use(home: Home, plan: Plan) -> None:
    """Let this process read the same home and settings as the ones it starts."""
    os.environ["SEGUE_HOME"] = str(home.root)
    os.environ.update(plan.settings)
    get_settings.cache_clear()


def _plan(arguments: argparse.Namespace) -> Plan:
    if arguments.source == "30music":
        return thirty_music_plan(arguments.data or get_settings().data_dir / "30music")
    return world_plan(World(arguments.start, arguments.days, arguments.users, arguments.tracks, arguments.seed))


def _parser() -> argparse.ArgumentParser:
    world = World()
    parser = argparse.ArgumentParser(prog="python -m infra.demo", description="The whole platform on this machine.")
    parser.add_argument("--once", action="store_true", help="exit when everything happened instead of staying up")
    parser.add_argument("--source", choices=("world", "30music"), default="world", help="where the events come from")
    parser.add_argument("--data", type=Path, help="folder of the 30Music plays")
    parser.add_argument("--start", type=date.fromisoformat, default=world.start, help="first day of the world")
    for name in ("days", "users", "tracks", "seed"):
        default = getattr(world, name)
        parser.add_argument(f"--{name}", type=int, default=default, help=f"of the world (default {default})")
    return parser


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _ignore_interrupts() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
