"""`segue bench next`: the session model of radio beside session-kNN and item-kNN, and the next tracks of running sessions.

Everything is chosen on the last tenth of the training sessions: the settings of the kNNs and the rules, the passes of the
model, and the order of all their candidates, which answers. Then the models learn once more, from every training session.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from segue.errors import SegueError
from segue.settings import get_settings
from segue.stage import Outcome, Progress, table
from trainers.baselines.sequential_rules import SequentialRules, SequentialRulesConfig
from trainers.baselines.session_item_knn import SessionItemKnn, SessionItemKnnConfig
from trainers.baselines.session_knn import SessionKnn, SessionKnnConfig
from trainers.benches import next_table
from trainers.benches.given_settings import with_settings
from trainers.benches.next_radio import RELEASED, ReleasedRadio
from trainers.interactions import NOTHING, Floats, Indices
from trainers.retriever.config import Count
from trainers.sessions.config import SessionConfig
from trainers.sessions.gru import SessionModel
from trainers.sessions.next_blend import ITEM_KNN, MODEL, RULES, SESSION_KNN, asked, learned_order
from trainers.sessions.next_choice import (
    ITEM_KNN_VALUES,
    SEQUENTIAL_VALUES,
    SESSION_KNN_VALUES,
    Question,
    stopped_early,
    tuned,
)
from trainers.sessions.next_order import NextOrder, OrderConfig, about_tracks
from trainers.sessions.next_track import NextTrack
from trainers.sessions.session_lists import HELD_OUT, Sessions, hold_back, read_prefixes, read_sessions, write_lists
from trainers.sessions.shared_sessions import SharedSessions

VALIDATION_PREFIXES, ORDER_PREFIXES = 4_000, 12_000
"""Of those held back, evenly, that settings are chosen by, and that the order learns from."""
FILL = 1e-9
"""Weight of popularity beside a score: it decides only where nothing else does."""
BLEND = "blend"


@dataclass(frozen=True)
class NextConfig(SessionConfig):
    """The session model's settings, with a pass to choose at least."""

    passes: Count = SessionConfig.passes


@dataclass
class Chosen:
    """What answers: models by name and the order of their candidates, the session model's passes; how they came to be
    chosen."""

    models: dict[str, NextTrack]
    order: NextOrder
    passes: int
    shared: SharedSessions = field(default_factory=SharedSessions)
    by_pass: list[list[Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)


def bench_next(
    *,
    train: Path,
    k: int,
    out: Path,
    prefixes: Path | None = None,
    carve_out: Path | None = None,
    config: str | None = None,
    released: bool = False,
) -> Outcome:
    """Train, choose, and write the `k` likeliest next tracks of every prefix to `out`, one line each, and beside it those of
    each model alone, so that a scorer can compare them.

    Args:
        prefixes: the running sessions; an answer after a tab is not read.
        carve_out: instead, hold the last tenth of `train` back into this folder and answer its prefixes.
        released: radio as a release serves it is asked too.

    Raises:
        SegueError: a file that is not as described, not exactly one of `prefixes` and `carve_out`, a bad setting, or a
            training that diverged.
    """
    if k < 1:
        raise SegueError(expected="--k of at least 1", received=str(k), mend="give --k 20")
    chosen_config = with_settings(NextConfig(), config)
    train, prefixes = _files(train, prefixes, carve_out)
    sessions, running = read_sessions(train), read_prefixes(prefixes)
    numbers = np.unique(sessions.tracks)
    sessions, running = _numbered(sessions, numbers), _numbered(running, numbers).without()
    progress = Progress("bench next")
    chosen = _choose(sessions, len(numbers), chosen_config, k, progress, released=released)
    with progress.step(f"again on all {len(sessions)} sessions"):
        _again(chosen, sessions, len(numbers))
    with progress.step(f"{len(running)} prefixes"):
        fill = FILL * (np.bincount(sessions.tracks, minlength=len(numbers)) / len(sessions.tracks)).astype(np.float32)
        found = _likeliest(chosen, running, fill, k)
        if released:
            found[RELEASED] = ReleasedRadio(sessions, len(numbers), seed=get_settings().seed).likeliest(running, fill, k)
        for name, lists in found.items():
            write_lists(_lists_path(out, name), Sessions.of(numbers[row].tolist() for row in lists))
    counts = {"sessions": len(sessions), "tracks": len(numbers), "prefixes": len(running), "passes": chosen.passes}
    settings = {name: dataclasses.asdict(of.config) for name, of in {**chosen.models, BLEND: chosen.order}.items()}
    summary = counts | {"valid": chosen.rows, "settings": settings, "seconds": progress.seconds}
    told = _told(chosen, out, k)
    if chosen.rows:
        summary["chart"] = str(next_table.draw(out.with_name(f"{out.name}.png"), chosen.rows, k))
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


def _choose(sessions: Sessions, n_tracks: int, config: SessionConfig, k: int, progress: Progress, *, released: bool) -> Chosen:
    """The models with the settings that are best on the last tenth of `sessions`, and the order that tenth teaches."""
    cut = len(sessions) - max(1, int(len(sessions) * HELD_OUT))
    early, late = sessions.some(0, cut), sessions.some(cut, len(sessions))
    prefixes, answers = late.prefixes()
    seed = get_settings().seed
    if not len(answers) or not (early.lengths > 1).any():
        progress.say("too few sessions to hold some back: every setting is its default")
        order = NextOrder(OrderConfig(), about_tracks(sessions, n_tracks))
        return Chosen(
            {
                MODEL: SessionModel(config, seed=seed),
                SESSION_KNN: SessionKnn(),
                ITEM_KNN: SessionItemKnn(),
                RULES: SequentialRules(),
            },
            order,
            config.passes,
        )
    kept = _evenly(len(answers), VALIDATION_PREFIXES)
    question = Question(prefixes.chosen(kept), answers[kept], n_tracks, k)
    with progress.step(f"{MODEL} on {cut} sessions of {n_tracks} tracks"):
        model, passes = stopped_early(SessionModel(config, seed=seed), early, question, progress)
    models: dict[str, NextTrack] = {MODEL: model} | _neighbours(early, question, progress)
    kept = _evenly(len(answers), ORDER_PREFIXES)
    with progress.step(f"order of their candidates by {len(kept)} prefixes"):
        settings = OrderConfig(length=config.length)
        learned = learned_order(models, early, prefixes.chosen(kept), answers[kept], n_tracks, settings, seed=seed)
    places = dict(learned.by_model)
    if released:
        with progress.step(RELEASED):
            places[RELEASED] = ReleasedRadio(early, n_tracks, seed=seed).places(prefixes.chosen(kept), answers[kept])
    owners = np.repeat(np.arange(len(late)), np.maximum(late.lengths - 1, 0))[kept]
    rows = next_table.rows_of(places | {BLEND: learned.together}, owners, k)
    best = max(passes, key=lambda row: row[-1])[0]
    return Chosen(models, learned.order, best, by_pass=passes, rows=rows)


def _neighbours(early: Sessions, question: Question, progress: Progress) -> dict[str, NextTrack]:
    """Both kNNs and the rules, tuned."""
    n_tracks = question.n_tracks
    with progress.step(f"settings of {SESSION_KNN}"):
        knn = tuned(SessionKnnConfig(), SESSION_KNN_VALUES, lambda c: SessionKnn(c).fit(early, n_tracks), question)
    with progress.step(f"settings of {ITEM_KNN}"):
        items = tuned(SessionItemKnnConfig(), ITEM_KNN_VALUES, lambda c: SessionItemKnn(c).fit(early, n_tracks), question)
    with progress.step(f"settings of {RULES}"):
        rules = tuned(SequentialRulesConfig(), SEQUENTIAL_VALUES, lambda c: SequentialRules(c).fit(early, n_tracks), question)
    return {SESSION_KNN: knn, ITEM_KNN: items, RULES: rules}


def _evenly(count: int, most: int) -> Indices:
    """At most `most` numbers below `count`."""
    return np.linspace(0, count - 1, min(most, count)).astype(np.int64)


def _again(chosen: Chosen, sessions: Sessions, n_tracks: int) -> None:
    """Every model, learned from all `sessions`; the order stays, with what there is to know of each track now."""
    for model in chosen.models.values():
        if isinstance(model, SessionModel):
            model.fit(sessions, n_tracks, after_pass=lambda done, _: done < chosen.passes)
        else:
            model.fit(sessions, n_tracks)
    chosen.order.about.assign(about_tracks(sessions, n_tracks))
    chosen.shared.fit(sessions, n_tracks)


def _lists_path(out: Path, name: str) -> Path:
    """The blend answers; what each model alone would have answered stands beside it."""
    return out if name == BLEND else out.with_name(f"{out.stem}.{name.replace(' ', '-')}{out.suffix}")


def _likeliest(chosen: Chosen, prefixes: Sessions, fill: Floats, k: int) -> dict[str, list[Indices]]:
    """The k likeliest next tracks of each prefix, best first, by each model alone and by the order of all their candidates;
    where nothing is known of a prefix those of the highest `fill` (tracks,), which is small beside a score."""
    import tensorflow as tf

    found: dict[str, list[Indices]] = {name: [] for name in (*chosen.models, BLEND)}
    for _, some in asked(chosen.models, chosen.shared, prefixes, chosen.order.config.length):
        together = chosen.order(*some.tensors()).numpy()
        for lists, values in zip(found.values(), [*some.scores, together], strict=True):
            lists += list(tf.math.top_k(values + fill, min(k, len(fill))).indices.numpy())
    return found


def _told(chosen: Chosen, out: Path, k: int) -> str:
    parts = []
    if chosen.rows:
        parts.append(table(["pass", "loss", f"HitRate@{k}", f"MRR@{k}", "both"], chosen.by_pass))
        parts.append(next_table.as_text(chosen.rows, k))
    parts += [f"{name}: {model.config}" for name, model in chosen.models.items() if name != MODEL]
    parts.append(f"{chosen.passes} passes; {BLEND}: {chosen.order.config}.")
    parts.append(f"The lists are in {out}, those of each model alone beside it.")
    return "\n\n".join(parts)
