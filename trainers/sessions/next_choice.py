"""Choices between models of sessions, made by asking each a question whose answers are known: the settings of a kNN, the
passes of the session model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from segue.stage import Progress
from trainers.interactions import Floats, Indices
from trainers.sessions.gru import SessionModel
from trainers.sessions.next_track import Accuracy, NextTrack, accuracy
from trainers.sessions.session_lists import Sessions

PATIENCE = 2

SESSION_KNN_VALUES: dict[str, tuple[Any, ...]] = {
    "seen": (0.2, 0.5, 1.0),
    "decay": (0.6, 0.8, 0.9),
    "neighbours": (50, 200, 500),
    "idf": (0.0, 0.5, 2.0),
    "norm": (0.0, 1.0),
    "half_life": (100_000.0, 50_000.0),
}
ITEM_KNN_VALUES: dict[str, tuple[Any, ...]] = {
    "shrinkage": (5.0, 50.0, 100.0),
    "decay": (0.5, 0.7, 0.9),
    "neighbours": (100, 500, 1_000),
    "seen": (0.2, 0.5, 1.0),
}
SEQUENTIAL_VALUES: dict[str, tuple[Any, ...]] = {
    "reach": (1, 2, 10),
    "decay": (0.1, 0.5, 0.7),
    "shrinkage": (0.5, 5.0),
    "seen": (0.2, 1.0),
}
"""Values tried beside the default, one setting after the other, the best of one kept for the next."""

Config = TypeVar("Config")
Knn = TypeVar("Knn", bound=NextTrack)


@dataclass(frozen=True)
class Question:
    """Running sessions of tracks below `n_tracks`, and the tracks that came next (n,)."""

    prefixes: Sessions
    answers: Indices
    n_tracks: int
    k: int

    def asked(self, model: NextTrack) -> Accuracy:
        """How well `model` answers."""
        return accuracy(model.scores, self.prefixes, self.answers, self.n_tracks, self.k)


def tuned(config: Any, values: Mapping[str, tuple[Any, ...]], fit: Callable[[Any], Knn], question: Question) -> Knn:
    """The model of the best settings: from `config` on, each setting in turn takes the best of `values`."""
    best = fit(config)
    score = question.asked(best).both
    for name, others in values.items():
        for value in others:
            model = fit(replace(config, **{name: value}))
            found = question.asked(model).both
            if found > score:
                best, score = model, found
        config = best.config
    return best


def stopped_early(
    model: SessionModel, sessions: Sessions, question: Question, progress: Progress
) -> tuple[SessionModel, list[list[Any]]]:
    """`model` as it was after its best pass, and a row for each pass; training ends `PATIENCE` passes after the best."""
    rows: list[list[Any]] = []
    best: list[Floats] = []

    def after_pass(done: int, loss: float) -> bool:
        nonlocal best
        found = question.asked(model)
        if all(found.both > row[-1] for row in rows):
            best = [variable.numpy() for variable in model.network.variables]
        rows.append([done, loss, found.hit_rate, found.mrr, found.both])
        progress.say(f"pass {done}: loss {loss:.4f}, HitRate {found.hit_rate:.4f}, MRR {found.mrr:.4f}")
        return bool(done - max(rows, key=lambda row: row[-1])[0] < PATIENCE)

    model.fit(sessions, question.n_tracks, after_pass=after_pass)
    for variable, value in zip(model.network.variables, best, strict=True):
        variable.assign(value)
    return model, rows
