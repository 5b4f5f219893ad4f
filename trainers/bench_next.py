"""`segue bench next`: the session model of radio beside session-kNN and item-kNN, and the next tracks of running sessions.

Everything is chosen on the last tenth of the training sessions: the settings of both kNNs, the passes of the model, and the
weights of the blend that answers. Then all of it learns once more, from every training session.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from segue.charts import Bar, Bars, draw_page
from segue.errors import SegueError
from segue.settings import get_settings
from segue.stage import Outcome, Progress, table
from trainers.baselines.sequential_rules import SequentialRules, SequentialRulesConfig
from trainers.baselines.session_item_knn import SessionItemKnn, SessionItemKnnConfig
from trainers.baselines.session_knn import SessionKnn, SessionKnnConfig
from trainers.given_settings import with_settings
from trainers.interactions import NOTHING, Floats, Indices
from trainers.next_choice import (
    FILL,
    ITEM_KNN_VALUES,
    SEQUENTIAL_VALUES,
    SESSION_KNN_VALUES,
    Question,
    stopped_early,
    tuned,
    weighed,
)
from trainers.next_track import NextTrack, pieces
from trainers.session_lists import HELD_OUT, Sessions, hold_back, read_prefixes, read_sessions, write_lists
from trainers.sessions import SessionConfig, SessionModel

VALIDATION_PREFIXES = 4_000
MODEL, SESSION_KNN, ITEM_KNN, RULES, BLEND = "session model", "session-kNN", "item-kNN", "sequential rules", "blend"


@dataclass
class Chosen:
    """What answers: models by name, their weights beside the session model's 1, its passes; how they came to be chosen."""

    models: dict[str, NextTrack]
    weights: dict[str, float]
    passes: int
    by_pass: list[list[Any]] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)


def bench_next(
    *, train: Path, k: int, out: Path, prefixes: Path | None = None, carve_out: Path | None = None, config: str | None = None
) -> Outcome:
    """Train, choose, and write the `k` likeliest next tracks of every prefix to `out`, one line each, and beside it those of
    each model alone, so that a scorer can compare them.

    Args:
        prefixes: the running sessions; an answer after a tab is not read.
        carve_out: instead, hold the last tenth of `train` back into this folder and answer its prefixes.

    Raises:
        SegueError: a file that is not as described, not exactly one of `prefixes` and `carve_out`, a bad setting, or a
            training that diverged.
    """
    if k < 1:
        raise SegueError(expected="--k of at least 1", received=str(k), mend="give --k 20")
    chosen_config = with_settings(SessionConfig(), config)
    train, prefixes = _files(train, prefixes, carve_out)
    sessions, asked = read_sessions(train), read_prefixes(prefixes)
    numbers = np.unique(sessions.tracks)
    sessions, asked = _numbered(sessions, numbers), _numbered(asked, numbers).without()
    progress = Progress("bench next")
    chosen = _choose(sessions, len(numbers), chosen_config, k, progress)
    with progress.step(f"again on all {len(sessions)} sessions"):
        _again(chosen, sessions, len(numbers))
    with progress.step(f"{len(asked)} prefixes"):
        share = (np.bincount(sessions.tracks, minlength=len(numbers)) / len(sessions.tracks)).astype(np.float32)
        for name, lists in _likeliest(chosen, asked, share, k).items():
            write_lists(_lists_path(out, name), Sessions.of(numbers[row].tolist() for row in lists))
    summary = {
        "sessions": len(sessions),
        "tracks": len(numbers),
        "prefixes": len(asked),
        "passes": chosen.passes,
        "blend": chosen.weights,
        "valid": [dict(zip(("model", "hit_rate", "mrr"), row, strict=True)) for row in chosen.rows],
        "settings": {name: dataclasses.asdict(model.config) for name, model in chosen.models.items()},
        "seconds": progress.seconds,
    }
    told = _told(chosen, out, k)
    if chosen.rows:
        summary["chart"] = str(_draw(out.with_name(f"{out.name}.png"), chosen, k))
        told += f" The chart is {summary['chart']}."
    return Outcome(summary, told)


def _files(train: Path, prefixes: Path | None, folder: Path | None) -> tuple[Path, Path]:
    if (prefixes is None) == (folder is None):
        raise SegueError(
            expected="either --prefixes or --carve-out",
            received="neither" if prefixes is None else "both",
            mend="name the file of running sessions, or a folder where the last tenth of --train is held back",
        )
    return hold_back(train, folder) if folder else (train, prefixes)  # type: ignore[return-value]  # one of them is given


def _numbered(sessions: Sessions, numbers: Indices) -> Sessions:
    """The tracks as places in the sorted `numbers`, `NOTHING` for others."""
    place = np.minimum(np.searchsorted(numbers, sessions.tracks), len(numbers) - 1)
    return Sessions(np.where(numbers[place] == sessions.tracks, place, NOTHING).astype(np.int64), sessions.starts)


def _choose(sessions: Sessions, n_tracks: int, config: SessionConfig, k: int, progress: Progress) -> Chosen:
    """Both kNNs, the model and their blend, with the settings that are best on the last tenth of `sessions`."""
    cut = len(sessions) - max(1, int(len(sessions) * HELD_OUT))
    early, (prefixes, answers) = sessions.some(0, cut), sessions.some(cut, len(sessions)).prefixes()
    seed = get_settings().seed
    if not len(answers) or not (early.lengths > 1).any():
        progress.say("too few sessions to hold some back: every setting is its default")
        return Chosen({MODEL: SessionModel(config, seed=seed), SESSION_KNN: SessionKnn()}, {SESSION_KNN: 0.5}, config.passes)
    kept = np.linspace(0, len(answers) - 1, min(VALIDATION_PREFIXES, len(answers))).astype(np.int64)
    question = Question(prefixes.chosen(kept), answers[kept], n_tracks, k)
    with progress.step(f"settings of {SESSION_KNN}"):
        knn = tuned(SessionKnnConfig(), SESSION_KNN_VALUES, lambda c: SessionKnn(c).fit(early, n_tracks), question)
    with progress.step(f"settings of {ITEM_KNN}"):
        items = tuned(SessionItemKnnConfig(), ITEM_KNN_VALUES, lambda c: SessionItemKnn(c).fit(early, n_tracks), question)
    with progress.step(f"settings of {RULES}"):
        rules = tuned(SequentialRulesConfig(), SEQUENTIAL_VALUES, lambda c: SequentialRules(c).fit(early, n_tracks), question)
    with progress.step(f"{MODEL} on {cut} sessions of {n_tracks} tracks"):
        model, passes = stopped_early(SessionModel(config, seed=seed), early, question, progress)
    models: dict[str, NextTrack] = {MODEL: model, SESSION_KNN: knn, ITEM_KNN: items, RULES: rules}
    with progress.step("weights of the blend"):
        weights, blended = weighed(models, MODEL, question)
    rows = [[name, *dataclasses.astuple(question.asked(one))] for name, one in models.items()]
    best = max(passes, key=lambda row: row[-1])[0]
    return Chosen(models, weights, best, passes, [*rows, [BLEND, *dataclasses.astuple(blended)]])


def _again(chosen: Chosen, sessions: Sessions, n_tracks: int) -> None:
    """Every model, learned from all `sessions`."""
    for model in chosen.models.values():
        if isinstance(model, SessionModel):
            model.fit(sessions, n_tracks, after_pass=lambda done, _: done < chosen.passes)
        else:
            model.fit(sessions, n_tracks)


def _lists_path(out: Path, name: str) -> Path:
    """The blend answers; what each model alone would have answered stands beside it."""
    return out if name == BLEND else out.with_name(f"{out.stem}.{name.replace(' ', '-')}{out.suffix}")


def _likeliest(chosen: Chosen, prefixes: Sessions, popularity: Floats, k: int) -> dict[str, list[Indices]]:
    """The k likeliest next tracks of each prefix, best first, by the blend and by each model alone; the popular where nothing
    is known of a prefix."""
    import tensorflow as tf

    found: dict[str, list[Indices]] = {name: [] for name in (*chosen.models, BLEND)}
    for _, some in pieces(prefixes, len(popularity)):
        scores = {name: model.scores(some) for name, model in chosen.models.items()}
        weights = {name: np.float32(chosen.weights.get(name, 0.0)) for name in scores} | {MODEL: np.float32(1.0)}
        scores[BLEND] = sum((weights[name] * values for name, values in scores.items()), FILL * popularity)
        for name, values in scores.items():
            found[name] += list(tf.math.top_k(values + FILL * popularity, min(k, len(popularity))).indices.numpy())
    return found


def _told(chosen: Chosen, out: Path, k: int) -> str:
    parts = []
    if chosen.rows:
        parts.append(table(["pass", "loss", f"HitRate@{k}", f"MRR@{k}", "both"], chosen.by_pass))
        parts.append(table(["on the last tenth of the training sessions", f"HitRate@{k}", f"MRR@{k}"], chosen.rows))
    parts += [f"{name}: {model.config}" for name, model in chosen.models.items() if name != MODEL]
    weights = ", ".join(f"{name} {weight:g}" for name, weight in chosen.weights.items())
    parts.append(f"{chosen.passes} passes; the blend adds to the session model {weights or 'nothing'}.")
    parts.append(f"The lists are in {out}, those of each model alone beside it.")
    return "\n\n".join(parts)


def _draw(path: Path, chosen: Chosen, k: int) -> Path:
    panels = [
        Bars(
            f"{title}@{k}",
            "over the held back prefixes; more is better",
            [Bar(r[0], r[at], ours=r[0] == BLEND) for r in chosen.rows],
        )
        for at, title in ((1, "HitRate"), (2, "MRR"))
    ]
    note = "On the last tenth of the training sessions, where every setting was chosen. Blue is the blend, which answers."
    return draw_page(path, "The next track of a session", panels, note=note)
