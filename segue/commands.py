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

BENCHES: dict[str, str] = {
    "marts": "infra.mart.bench:bench_marts",
    "integrity": "infra.mart.bench_integrity:bench_integrity",
    "index": "trainers.benches.index:bench_index",
    "serving": "serving.bench:bench_serving",
    "playlists": "serving.bench_playlists:bench_playlists",
    "ranker": "trainers.benches.ranker:bench_ranker",
    "retrieval": "trainers.benches.retrieval:bench_retrieval",
    "training": "trainers.benches.training:bench_training",
    "next": "trainers.benches.next_track:bench_next",
    "cold": "trainers.benches.cold:bench_cold",
    "loop": "infra.loop.bench:bench_loop",
    "exploration": "trainers.benches.exploration:bench_exploration",
}
"""Bench name to the function that runs it."""

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
        "serving.weekly:run",
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
        "serving.show:run",
        (
            Option("user", str, "user id"),
            Option("--week", date, "first day of the week; default: the visible week"),
            Option("--explain", bool, "also what was removed, and by which rule", default=False),
            Option("--adventurousness", float, "show the list with the dial there, 0 to 1; default: the stored list"),
        ),
    ),
    Command("serve", "Operation", "the BentoML service", "serving.launch:run"),
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
    Command(
        "bench",
        "Operation",
        "benchmarks and quality tables",
        "infra.benches:run",
        (
            Option("name", str, "which bench", choices=tuple(BENCHES)),
            Option("--scale", float, "marts, index, serving: size relative to the default 1"),
            Option("--train", Path, "retrieval: lines `user item item ...`; next: sessions `item item ...`; to learn from"),
            Option("--valid", Path, "retrieval: lines of the same users to choose by"),
            Option("--refit", bool, "retrieval: when all is chosen, train again on both", default=False),
            Option(
                "--prefixes", Path, "next: running sessions `item item ...`, one per line; an answer after a tab is not read"
            ),
            Option("--carve-out", Path, "next: instead, hold the last tenth of --train back into this folder and ask for it"),
            Option("--released", bool, "next: ask radio as a release serves it, too", default=False),
            Option("--k", int, "retrieval, next: length of each list"),
            Option("--out", Path, "retrieval, next: where the lists go; training: the chart, a .png"),
            Option(
                "--users",
                int,
                "training: users of the log, 100000; serving, playlists, loop, integrity: 10000, 20000, 1000, 1000",
            ),
            Option("--tracks", int, "training: tracks of the log, 100000; playlists, loop: of the catalogue, 1000000, 10000"),
            Option("--weeks", int, "loop: weeks of lists after a past of four, 6 if not said"),
            Option("--seed", int, "loop, integrity: same seed, same world; 17 and 4 if not said"),
            Option("--config", str, "retrieval, next: settings of the model that differ, as JSON or a file of it"),
            Option("--rate", int, "serving: weekly playlists asked for in a second, 300 if not said"),
            Option("--store", str, "serving: the one store to measure; both if not said", choices=("sqlite", "redis")),
            Option("--as-of", date, "cold: last day whose events are known; default: the newest"),
        ),
    ),
)
