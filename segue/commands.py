"""The list of commands: names, options, and where each one's code lives, as text so that `segue --help` imports no room."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from segue.names import Source


@dataclass(frozen=True)
class Option:
    """One argument of a command; a `flag` without dashes is positional. `kind` bool makes a switch."""

    flag: str
    kind: type
    help: str
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Command:
    """A command: `target` is `module:function`, called with the options as keyword arguments, returning an Outcome.

    Of a `stage` the last run is kept for `segue status`.
    """

    name: str
    group: str
    help: str
    target: str
    options: tuple[Option, ...] = ()
    stage: bool = False


AS_OF = Option("--as-of", date, "last day whose events are known, YYYY-MM-DD", required=True)
VERSION = Option("version", str, "a version that `segue releases` lists")

BENCH = "bench"
"""The command whose options are those of the bench that is named: `segue.benches`."""

COMMANDS: tuple[Command, ...] = (
    Command(
        "world",
        "Events",
        "simulate a streaming service and land its events",
        "infra.world.command:run",
        (
            Option("--start", date, "first day, YYYY-MM-DD", default=date(2026, 9, 21)),
            Option("--days", int, "days to simulate", default=56),
            Option("--users", int, "listeners after eight weeks", default=2_000),
            Option("--tracks", int, "tracks after eight weeks", default=10_000),
            Option("--seed", int, "same seed, same world", default=17),
        ),
        stage=True,
    ),
    Command(
        "land",
        "Events",
        "land events from a real source",
        "infra.landing.command:run",
        (
            Option("--source", str, "where they come from", required=True, choices=tuple(source.value for source in Source)),
            Option("--path", Path, "a file, or a folder of files", required=True),
        ),
        stage=True,
    ),
    Command(
        "listen",
        "Events",
        "let a simulated world hear its playlists of a week, and land what it does",
        "infra.world.hearing:run",
        (Option("--week", date, "first day of the week, YYYY-MM-DD", required=True),),
    ),
    Command(
        "features",
        "Features",
        "dbt build, checks, Feast apply and materialise",
        "infra.mart.command:run",
        (AS_OF, Option("--full-refresh", bool, "rebuild every table from landing", default=False)),
        stage=True,
    ),
    Command(
        "embed",
        "Features",
        "snapshots of track vectors: what is played together, the artist, the clip",
        "trainers.sources.embed:run",
        (AS_OF,),
        stage=True,
    ),
    Command(
        "train",
        "Release",
        "training set, retriever, index, ranker: a candidate release",
        "trainers.train:run",
        (AS_OF,),
        stage=True,
    ),
    Command(
        "evaluate",
        "Release",
        "time-split metrics against the live release and the baselines",
        "trainers.evaluation.evaluate:run",
        (VERSION, Option("--policy", str, "settings of a policy to tell of from the logs too, as SEGUE_POLICY has them")),
        stage=True,
    ),
    Command(
        "promote",
        "Release",
        "the gate: make a release live if it earned it",
        "trainers.evaluation.gate:run",
        (VERSION,),
        stage=True,
    ),
    Command("rollback", "Release", "make the release before the live one live again", "trainers.registry:rollback"),
    Command("releases", "Release", "list them", "trainers.registry:list_releases"),
    Command(
        "playlists",
        "Playlists",
        "every user's weekly playlist, audited, then visible",
        "serving.weekly.command:run",
        (
            Option("--week", date, "first day of the week, YYYY-MM-DD", required=True),
            Option("--engine", str, "where the scoring runs", default="local", choices=("local", "spark")),
        ),
        stage=True,
    ),
    Command(
        "playlist",
        "Playlists",
        "show one user's playlist, with reasons",
        "serving.weekly.show:run",
        (
            Option("user", str, "user id"),
            Option("--week", date, "first day of the week; default: the visible week"),
            Option("--explain", bool, "also what was removed, and by which rule", default=False),
            Option("--adventurousness", float, "show the list with the dial there, 0 to 1; default: the stored list"),
        ),
    ),
    Command("serve", "Operation", "the BentoML service", "serving.live.launch:run"),
    Command(
        "monitor",
        "Operation",
        "parity, drift, quality; the report and the e-mail",
        "monitoring.command:run",
        (AS_OF,),
        stage=True,
    ),
    Command(
        "status",
        "Operation",
        "what is live: release, week, last runs, health",
        "infra.status.command:run",
        (Option("--check", bool, "exit with 3 unless all is well, for scripts and monitors", default=False),),
    ),
    Command(BENCH, "Operation", "benchmarks and quality tables", "infra.benches:run"),
)
