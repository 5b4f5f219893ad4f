"""How much a ranker is doubted about listeners of whom little is known.

It learns from listeners with a history, and what it makes of one or two plays is worth less than the retriever's own order on
one source, and more on another. So a score is drawn towards that order: the ranker counts k^2 / (k^2 + doubt^2) for a listener
with k - 1 known recent tracks. The doubt is the one of a few that orders best what listeners discovered, by lists for them as
they were when they were new.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from segue.ranker.opened import drawn
from trainers.evaluation import metrics
from trainers.inputs import RANKER_TRACKS, RANKER_USERS, arrays, constant, constants
from trainers.ranker.inputs import belief
from trainers.ranker.rows import LISTS_AT_ONCE
from trainers.ranker.start import successes

if TYPE_CHECKING:
    from trainers.examples import Catalogue
    from trainers.ranker.lists import Lists

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class DoubtConfig:
    """The doubts that are `tried`, on the first `length` places of lists for at most so many `listeners`."""

    tried: tuple[float, ...] = (0.0, 2.0, 4.0, 6.0, 8.0, 12.0)
    length: int = 30
    listeners: int = 600


def doubt_in(ranker: Any, lists: Lists, catalogue: Catalogue, config: DoubtConfig) -> float:
    """The doubt that orders `lists`, row numbers of `catalogue`, best by a `ranker` that has none; the least of equal ones."""
    score, away, known = _asked(ranker, lists, catalogue)
    liked = successes(lists) > 0
    wanted = liked.sum(axis=1)

    def ndcg(doubt: float) -> float:
        values = np.where(lists.retrieved, drawn(score, away, belief(known, np.float32(doubt))), -np.inf)
        best = np.argsort(-values, axis=1, kind="stable")[:, : config.length]
        return float(metrics.ndcg(np.take_along_axis(liked, best, axis=1), wanted).sum())

    return max(config.tried, key=ndcg)


def _asked(ranker: Any, lists: Lists, catalogue: Catalogue) -> tuple[Floats, Floats, Floats]:
    """What the ranker scores (n, c) and the retriever had it away from its best (n, c), and one more than the known recent
    tracks of each listener (n,)."""
    inputs, columns = ranker.inputs, constants(arrays(lists.users, RANKER_USERS))
    users, known = inputs.read_users(columns), inputs.known(inputs.tracks(columns["recent_tracks"])).numpy()
    read = inputs.read_tracks(constants(arrays(catalogue.frame, RANKER_TRACKS)))
    tracks = ranker.layout.packed(ranker.track_half(read)) | {"territory": constant(catalogue.popularity)}
    parts = []
    for at in range(0, len(lists.users), LISTS_AT_ONCE):
        some = slice(at, at + LISTS_AT_ONCE)
        people = ranker.user_half({name: values[some] for name, values in users.items()})
        parts.append(ranker.scored(people, tracks, constant(lists.candidates[some]), constant(lists.scores[some]))["score"])
    retrieved = lists.scores * np.float32(inputs.scale)
    return np.concatenate(parts), retrieved - retrieved.max(axis=1, keepdims=True), known
