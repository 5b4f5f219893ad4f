"""The models that `segue bench cold` asks: a retriever for each source of track vectors, and the funnel of a release. They are
fitted as `segue train` fits them, by listens and examples that may lack some listeners."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
import tensorflow as tf

from segue.dates import Split
from segue.release import CANDIDATES
from trainers.contents import ranker_tracks
from trainers.evaluation.heldout import HeldOut
from trainers.examples import Examples, catalogue_at
from trainers.fitting import Fitted, heard_pairs, ranked_days, ranker_task, vocabularies
from trainers.hyperparameters import Hyperparameters
from trainers.inputs import ARTIST_PLAYS, RANKER_USERS, SOURCED, arrays, constant, constants
from trainers.interactions import NOTHING, Floats, best_first
from trainers.ranker.fitting import RankerTask, fit_ranker
from trainers.retriever.model import Retriever
from trainers.retriever.retrieval import vectors_of

if TYPE_CHECKING:
    import pandas as pd

SOURCES: dict[str, tuple[str, ...]] = {
    "none": (),
    "artist": ("artist_vector", ARTIST_PLAYS),
    "track2vec": ("track2vec",),
    "audio": ("audio_vector",),
    "all": SOURCED,
}
"""Row of the table to the vectors its tower may read."""

USERS_AT_ONCE = 256


@dataclass(frozen=True)
class ColdConfig:
    """`k` tracks in the lists for new tracks, `few` in those of releases alone, and `length` in those for new users; at most
    so many `strangers`."""

    k: int = 100
    few: int = 10
    length: int = 30
    plays: tuple[int, ...] = (0, 1, 3, 10)
    strangers: int = 400


@dataclass(frozen=True)
class Learned:
    """What a model may learn from: examples of the days before `rank_from` and of those after, and the labels of both."""

    early: Examples
    late: Examples
    listens: pd.DataFrame


@dataclass
class Study:
    """What all rows share: the days, the question, and what may be learned by everyone."""

    split: Split
    held: HeldOut
    learned: Learned
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: SOURCES)
    hyper: Hyperparameters = field(default_factory=Hyperparameters)
    config: ColdConfig = field(default_factory=ColdConfig)
    seed: int = 17


def trained(study: Study, learned: Learned, kept: tuple[str, ...]) -> tuple[Retriever, RankerTask | None]:
    """The retriever without the vectors that are not `kept`; and what a ranker can learn from it, if it keeps what that of a
    release does."""
    split = study.split
    tf.keras.utils.set_random_seed(study.seed)
    early, late = (replace(part, tracks=only(part.tracks, kept)) for part in (learned.early, learned.late))
    known = catalogue_at(split.cutoff)
    retriever = Retriever(study.hyper.retriever, vocabularies(learned.listens, early, late, known))
    retriever.adapt(early)
    before = learned.listens[learned.listens["event_timestamp"] < split.rank_from]
    retriever.fit_examples(early, heard_pairs(retriever, before), seed=study.seed)
    task = None
    if kept == SOURCED:
        then, plays = ranked_days(known, learned.listens, split, study.hyper)
        task = ranker_task(retriever, then, plays, known, learned.listens, split, study.hyper)
    retriever.fit_examples(late, heard_pairs(retriever, learned.listens), seed=study.seed + 1)
    return retriever, task


def funnel_of(retriever: Retriever, task: RankerTask, study: Study) -> Fitted:
    """The retriever with the ranker that learns from `task`."""
    ranker, blend, _ = fit_ranker(task, study.hyper, seed=study.seed)
    return Fitted(retriever, ranker, blend, task)


def retrieval_scores(retriever: Retriever, users: pd.DataFrame, held: HeldOut, kept: tuple[str, ...]) -> Floats:
    """Dot products (n, tracks)."""
    tracks = only(held.catalogue.frame, kept)
    scores: Floats = vectors_of(retriever.query, users) @ vectors_of(retriever.track, tracks).T
    return scores


def funnel_scores(fitted: Fitted, users: pd.DataFrame, held: HeldOut, scores: Floats, heard: sp.csr_matrix) -> Floats:
    """What the ranker gives (n, tracks) to each user's candidates, the best unheard ones by the retriever's `scores`
    (n, tracks); -inf to all other tracks."""
    found = best_first(scores.copy(), CANDIDATES, heard)
    tracks, ranker = ranker_tracks(fitted, held.catalogue), fitted.ranker
    ranked = np.full_like(scores, -np.inf)
    for at in range(0, len(users), USERS_AT_ONCE):
        some = slice(at, at + USERS_AT_ONCE)
        candidates = np.maximum(found[some], 0).astype(np.int32)
        people = ranker.user_half(ranker.inputs.read_users(constants(arrays(users.iloc[some], RANKER_USERS))))
        asked = constant(candidates), constant(np.take_along_axis(scores[some], candidates, axis=1))
        answer = ranker.scored(people, tracks, *asked)["score"].numpy()
        row, place = np.nonzero(found[some] != NOTHING)
        ranked[at + row, candidates[row, place]] = answer[row, place]
    return ranked


def only(tracks: pd.DataFrame, kept: tuple[str, ...]) -> pd.DataFrame:
    """`tracks` without the vectors that are not `kept`."""
    return tracks.assign(**{name: None for name in SOURCED if name not in kept})
