"""`segue bench exploration`: a simulated world, one release, one week of playlists that the world hears; then what `segue
evaluate` says other policies would have saved, beside what they would have, which such a world knows; and how often such an
interval holds the truth when the same lists are heard again and again. And novelty and the save rate by the dial: the world's
listeners set theirs by chance, so the groups differ in nothing else.

Every stage is a command of its own in a temporary home. The truth is read from what `segue listen` wrote down.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from segue.charts import draw_page
from segue.dates import start_of
from segue.home import get_home
from segue.own_process import python_in
from segue.panels import Bar, Bars, Line, Lines
from segue.policy import policy_of
from segue.predictions import Prediction, weekly_predictions
from segue.pseudonyms import pseudonym
from segue.release import MANIFEST, read_manifest, release_path
from segue.stage import Outcome, Progress, table
from trainers.benches.heard_again import COVERED, HEARINGS, PROVING, Covered, heard_again, proved
from trainers.evaluation.explored import counted_lists, slots_of
from trainers.evaluation.off_policy import Floats, Slots, Target
from trainers.evaluation.target_policies import TARGETS, targets_of
from trainers.gold import read_labels, read_tracks

START, DAYS = date(2026, 9, 21), 35
WEEK = START + timedelta(days=DAYS)
BY_DIAL = ("save_rate", "new_artists", "new_genres", "popularity")
_SIDE = 1.959964


def bench_exploration(*, users: int = 1_500, tracks: int = 4_000) -> Outcome:
    """One week of a world of about `users` listeners and `tracks` tracks."""
    progress = Progress("bench exploration")
    with tempfile.TemporaryDirectory(prefix="segue-exploration-") as folder:
        home = Path(folder)
        for name, stage in _stages(home, users, tracks):
            with progress.step(name):
                python_in(home, "-m", "segue", *stage)
        with progress.step("measure"):
            found = json.loads(python_in(home, "-m", "trainers.benches.exploration").stdout.splitlines()[-1])
    return _outcome(found)


def _stages(home: Path, users: int, tracks: int) -> Iterator[tuple[str, list[str]]]:
    """From nothing to an evaluation that reads a week of logs; a release is known when its turn has come."""
    before, after = (str(WEEK + timedelta(days=days)) for days in (-1, 6))
    size = ["--users", str(users), "--tracks", str(tracks), "--days", str(DAYS), "--start", str(START)]
    yield "world", ["world", *size]
    yield "features", ["features", "--as-of", before]
    yield "train", ["train", "--as-of", before]
    (version,) = (path.parent.name for path in (home / "releases").rglob(MANIFEST))
    yield "evaluate", ["evaluate", version]
    yield "promote", ["promote", version]
    yield "playlists", ["playlists", "--week", str(WEEK)]
    yield "listen", ["listen", "--week", str(WEEK)]
    yield "features again", ["features", "--as-of", after]
    yield "evaluate from the logs", ["evaluate", version]


def measured() -> dict[str, Any]:
    """Of this home: the policies with their estimates as stored and the truth, how often their intervals hold it, and the
    lists by the dial."""
    import pyarrow.parquet as pq

    lists = list(weekly_predictions(WEEK))
    judged = pq.ParquetFile(get_home().world / "judged" / f"week={WEEK}" / "data.parquet").read().to_pydict()
    chance = dict(zip(zip(judged["user"], judged["track_id"], strict=True), judged["chance"], strict=True))
    (stored,) = (json.loads(path.read_text()) for path in (get_home().releases / "evaluations").glob("*.json"))
    targets = targets_of(policy_of(read_manifest(release_path(stored["version"])).policy))
    slots, chances = slots_and_chances(counted_lists(), chance)
    return {
        "exploration": stored["exploration"],
        "truth": true_rates(slots, chances, targets),
        "hearings": HEARINGS,
        "heard_again": {name: asdict(found) for name, found in heard_again(slots, chances, targets).items()},
        "dial": by_dial(lists, chance, *_heard_before(WEEK)),
    }


def slots_and_chances(lists: Sequence[Prediction], chance: dict[tuple[str, str], float]) -> tuple[Slots, Floats]:
    """The exploring slots of `lists`, and the chance of each of their candidates (s, p), by that of each user and track."""
    made = [one for one in lists if one.explored and one.user]
    slots = slots_of(made, set())
    chances = np.zeros_like(slots.worth)
    row = 0
    for one in made:
        theirs = [chance[one.user, track] for track in one.explored.candidates]  # type: ignore[index, union-attr]
        for _ in one.explored.slots:  # type: ignore[union-attr]
            chances[row, : len(theirs)] = theirs
            row += 1
    return slots, chances


def true_rates(slots: Slots, chances: Floats, targets: Mapping[str, Target] = TARGETS) -> dict[str, float]:
    """What each of these policies saves in a slot whose candidates have these chances (s, p)."""
    return {name: float((target(slots) * chances).sum(axis=1).mean()) for name, target in targets.items()}


def by_dial(
    lists: Sequence[Prediction], chance: dict[tuple[str, str], float], heard: Mapping[str, set[str]], plays: Mapping[str, int]
) -> list[dict[str, float]]:
    """Of the personal lists with each setting of the dial: their number, the expected save rate of their tracks, and novelty:
    the share of their tracks by artists the listener never heard (`heard`, by pseudonym), the share in genres that are none
    of theirs, and the mean log(1 + plays); each with half of its 95 % interval over lists."""
    tracks = read_tracks().set_index("track_id")
    genre, artist = tracks["genre"].to_dict(), tracks["artist_id"].to_dict()
    groups: dict[float, list[list[float]]] = {}
    for one in lists:
        if one.fallback is not None or one.features is None or one.dial is None or one.user is None or not one.tracks:
            continue
        ids = [track.track_id for track in one.tracks]
        genres, artists = set(one.features["top_genres"] or ()), heard.get(one.user, set())
        saved = np.mean([chance[one.user, track] for track in ids])
        new_artists = np.mean([artist.get(track) not in artists for track in ids])
        new_genres = np.mean([genre.get(track) not in genres for track in ids])
        known = np.mean(np.log1p([plays.get(track, 0) for track in ids]))
        groups.setdefault(one.dial, []).append([float(of) for of in (saved, new_artists, new_genres, known)])
    return [_group(dial, np.array(groups[dial])) for dial in sorted(groups)]


def _heard_before(day: date) -> tuple[dict[str, set[str]], dict[str, int]]:
    """The artists each pseudonym heard before `day`, and how often each track was played in the 30 days before it."""
    labels = read_labels(None, start_of(day), ["user_id", "track_id", "event_timestamp"])
    artist = read_tracks().set_index("track_id")["artist_id"].to_dict()
    lately = labels["track_id"][labels["event_timestamp"] >= start_of(day - timedelta(days=30))]
    pairs = labels[["user_id", "track_id"]].drop_duplicates()
    heard: dict[str, set[str]] = {}
    for user, track in zip(pairs["user_id"], pairs["track_id"], strict=True):
        heard.setdefault(user, set()).add(artist[track])
    plays = {str(track): int(count) for track, count in lately.value_counts().items()}
    return {pseudonym(user): artists for user, artists in heard.items()}, plays


def _group(dial: float, values: Any) -> dict[str, float]:
    found = {"dial": dial, "lists": len(values)}
    for name, column in zip(BY_DIAL, values.T, strict=True):
        found[name] = float(column.mean())
        found[f"{name}_side"] = float(_SIDE * column.std(ddof=1) / np.sqrt(len(column))) if len(column) > 1 else float("nan")
    return found


def _outcome(found: dict[str, Any]) -> Outcome:
    again = {name: Covered(**row) for name, row in found["heard_again"].items()}
    path = _draw(get_home().chart("exploration"), found)
    head = f"{found['exploration']['saves']} saves of {found['exploration']['slots']} slots that explored"
    bar = f"Heard {found['hearings']} times, the intervals hold the true save rates as often as they say ({COVERED[0]:.0%} to "
    bar += f"{COVERED[1]:.0%} for {PROVING} policies, and for none more seldom): {'yes' if proved(again) else 'no'}"
    text = "\n\n".join([head, _policies_table(found, again), bar, _dial_table(found["dial"]), f"The chart is {path}"])
    return Outcome(found | {"proved": proved(again), "chart": str(path)}, text)


def _policies_table(found: dict[str, Any], again: dict[str, Covered]) -> str:
    rows = []
    for row in found["exploration"]["policies"]:
        name, truth = row["policy"], found["truth"][row["policy"]]
        cells = [f"{row[column]:.4f}" for column in ("snips", "snips_low", "snips_high", "ips")]
        held = [f"{again[name].snips:.3f}", f"{again[name].lead:.3f}", f"{again[name].width:.4f}", f"{again[name].spread:.4f}"]
        rows.append([name, f"{truth:.4f}", *cells, "yes" if row["snips_low"] <= truth <= row["snips_high"] else "no", *held])
    names = ["truth", "SNIPS", "from", "to", "IPS", "holds it", "held", "lead held", "width", "spread"]
    return table(["saves per slot", *names], rows)


def _dial_table(groups: list[dict[str, float]]) -> str:
    rows = [[f"{group['dial']:.2f}", group["lists"], *(_with_side(group, name) for name in BY_DIAL)] for group in groups]
    return table(["dial", "lists", "save rate", "by new artists", "of other genres", "mean log plays"], rows)


def _with_side(group: dict[str, float], name: str) -> str:
    return f"{group[name]:.4f} ±{group[f'{name}_side']:.4f}"


def _draw(path: Path, found: dict[str, Any]) -> Path:
    bars = []
    for row in found["exploration"]["policies"]:
        bars.append(Bar(f"{row['policy']}: SNIPS", row["snips"], row["snips_low"], row["snips_high"], ours=True))
        bars.append(Bar(f"{row['policy']}: the truth", found["truth"][row["policy"]]))
    x = [group["dial"] for group in found["dial"]]
    panels: list[Any] = [Bars("Saves per slot that explores, by policy", "black lines are 95 % intervals", bars)]
    for title, unit, names in (
        ("Save rate by the dial", "share of the tracks of a list", ("save_rate",)),
        ("Novelty by the dial", "share of the tracks of a list", ("new_artists", "new_genres")),
        ("Popularity by the dial", "mean log(1 + plays in 30 days)", ("popularity",)),
    ):
        lines = [
            Line(
                name.replace("_", " "),
                x,
                [g[name] for g in found["dial"]],
                [g[name] - g[f"{name}_side"] for g in found["dial"]],
                [g[name] + g[f"{name}_side"] for g in found["dial"]],
                ours=number == 0,
            )
            for number, name in enumerate(names)
        ]
        panels.append(Lines(title, "adventurousness, 0 to 1", unit, lines))
    return draw_page(path, "Exploration that can be evaluated", panels, note="A simulated world; bands are 95 % over lists.")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measured()) + "\n")
