"""The list of benches: what each measures, its own options, and where its code lives, as text like `segue.commands`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from segue.commands import Option


@dataclass(frozen=True)
class Bench:
    """`target` is `module:function`, called with the options that were given and those that have a default."""

    help: str
    target: str
    options: tuple[Option, ...] = ()


SCALE = Option("--scale", float, "size relative to the usual one", default=1.0)
K = Option("--k", int, "length of each list", required=True)
LISTS = Option("--out", Path, "where the lists go", required=True)
CONFIG = Option("--config", str, "settings of the model that differ, as JSON or a file of it")
SEED = "same seed, same world"

BENCHES: dict[str, Bench] = {
    "marts": Bench(
        "events a minute from landing to gold, and what ten times the listeners cost",
        "infra.mart.bench:bench_marts",
        (SCALE,),
    ),
    "integrity": Bench(
        "how many bot plays are found, how many listeners wronged, and what attacks move",
        "infra.mart.bench_integrity:bench_integrity",
        (
            Option("--users", int, "listeners of the simulated world", default=1_000),
            Option("--seed", int, "the first of the three", default=4),
        ),
    ),
    "index": Bench(
        "recall and queries a second of ScaNN and of exact search",
        "trainers.benches.index:bench_index",
        (SCALE,),
    ),
    "serving": Bench(
        "answers a second and latencies of a service, on demand and from stored playlists",
        "serving.benches.serving:bench_serving",
        (
            Option("--scale", float, "how long it measures, relative to the usual time", default=1.0),
            Option("--users", int, "listeners with a stored playlist", default=10_000),
            Option("--rate", int, "weekly playlists asked for in a second", default=300),
            Option("--store", str, "the one store to measure; default: both", choices=("sqlite", "redis")),
        ),
    ),
    "playlists": Bench(
        "whole weekly playlists a second over a large catalogue, by the live release",
        "serving.benches.playlists:bench_playlists",
        (
            Option("--tracks", int, "tracks of the catalogue", default=1_000_000),
            Option("--users", int, "listeners who get a playlist", default=20_000),
        ),
    ),
    "ranker": Bench(
        "what both kinds of ranker gain over retrieval alone, and what their scoring costs",
        "trainers.benches.ranker:bench_ranker",
    ),
    "retrieval": Bench(
        "the retriever on ids alone, beside iALS and item-kNN, and writes the lists",
        "trainers.benches.retrieval:bench_retrieval",
        (
            Option("--train", Path, "lines `user item item ...` to learn from", required=True),
            Option("--valid", Path, "lines of the same users to choose by"),
            Option("--refit", bool, "when all is chosen, train again on both", default=False),
            K,
            LISTS,
            CONFIG,
        ),
    ),
    "training": Bench(
        "what a training example costs beside the TFRS quickstart, and how much memory",
        "trainers.benches.training:bench_training",
        (
            Option("--users", int, "users of the log", default=100_000),
            Option("--tracks", int, "tracks of the log", default=100_000),
            Option("--out", Path, "where the chart goes, a .png; default: beside the charts of the other benches"),
        ),
    ),
    "next": Bench(
        "how well the next track of a session is found, model by model, and writes the lists",
        "trainers.benches.next_track:bench_next",
        (
            Option("--train", Path, "sessions `item item ...`, one per line, to learn from", required=True),
            Option("--prefixes", Path, "running sessions to go on with; an answer after a tab is not read"),
            Option("--carve-out", Path, "instead, hold the last tenth of --train back into this folder and ask for it"),
            Option("--released", bool, "ask radio as a release serves it, too", default=False),
            K,
            LISTS,
            CONFIG,
        ),
    ),
    "cold": Bench(
        "how well new tracks and new listeners are served, source by source",
        "trainers.benches.cold:bench_cold",
        (Option("--as-of", date, "last day whose events are known; default: the newest"),),
    ),
    "loop": Bench(
        "weeks of Segue's lists, of charts and of item neighbours in one simulated world",
        "infra.loop.bench:bench_loop",
        (
            Option("--users", int, "listeners of the world", default=1_000),
            Option("--tracks", int, "tracks of the world", default=10_000),
            Option("--weeks", int, "weeks of lists after a past of four", default=6),
            Option("--seed", int, SEED, default=17),
        ),
    ),
    "exploration": Bench(
        "what the log of exploration says of other policies beside the truth; and the dial",
        "trainers.benches.exploration:bench_exploration",
        (
            Option("--users", int, "listeners of the world", default=1_500),
            Option("--tracks", int, "tracks of the world", default=4_000),
        ),
    ),
}
