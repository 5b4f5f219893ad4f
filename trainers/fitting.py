"""Fits the models of a release in order of time, so that nothing learns from what it will be judged by.

The retriever learns the listens before `rank_from`. The ranker learns to order what that retriever finds, by what users did
in `[rank_from, cutoff)`, which the retriever has not seen. Then the retriever goes on with those days. Nothing learns from
`[cutoff, end)`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import tensorflow as tf

from segue.dates import Split
from segue.errors import SegueError
from segue.features import TIMESTAMP
from segue.stage import Progress
from trainers.examples import (
    Catalogue,
    Examples,
    catalogue_at,
    make_examples,
    users_at,
    with_new_releases,
)
from trainers.first_listens import first_listens
from trainers.gold import read_labels
from trainers.hyperparameters import Hyperparameters
from trainers.layers.heard import HeardPairs
from trainers.newcomers import when_new
from trainers.ranker.fitting import AnyRanker, RankerTask, first_plays_of, fit_ranker, places_of, spread
from trainers.ranker.lists import EXTRA_PLAYS, Lists, make_lists
from trainers.ranker.network import BlendWeights
from trainers.retriever.model import Retriever, Vocabularies
from trainers.retriever.retrieval import heard_places, top_unheard, vectors_of
from trainers.retriever.workers import workers

if TYPE_CHECKING:
    import pandas as pd

SETTLING_DAYS = 7
LEARNED_COLUMNS = (
    "user_id",
    "track_id",
    TIMESTAMP,
    "session_id",
    "surface",
    "outcome",
    "saved",
    "weight",
    "integrity",
    "first_listen",
)
"""What is held of every label before the cutoff."""
Read = TypeVar("Read")


@dataclass
class Fitted:
    """The models, what the ranker learned from, and what there is to say about how they came to be."""

    retriever: Retriever
    ranker: AnyRanker
    blend: BlendWeights
    task: RankerTask
    metrics: dict[str, Any] = field(default_factory=dict)

    @property
    def territories(self) -> tuple[str, ...]:
        """Those of the ranker's rows."""
        return self.task.then.territories


def fit_models(
    split: Split, hyper: Hyperparameters, progress: Progress, *, rows: int, seed: int, meanwhile: Callable[[], Read]
) -> tuple[Fitted, Read]:
    """Fit retriever and ranker on what happened before `split.cutoff`, from at most `rows` listens; and what `meanwhile` gave,
    which may read the feature store while the ranker, who asks it nothing, learns.

    Raises:
        SegueError: there is nothing to learn from on one side of `split.rank_from`, or a model diverged.
    """
    retriever, task, metrics = fit_retriever(split, hyper, progress, rows=rows, seed=seed)
    with progress.step("ranker"), ThreadPoolExecutor(1) as beside:
        reading = beside.submit(meanwhile)
        ranker, blend, losses = fit_ranker(task, hyper, seed=seed)
    metrics |= {"ranker": hyper.ranker.kind, "ranker_loss": [round(loss, 4) for loss in losses]}
    metrics["ranker_doubt"] = float(ranker.inputs.doubt.numpy())
    return Fitted(retriever, ranker, blend, task, metrics), reading.result()


def fit_retriever(
    split: Split, hyper: Hyperparameters, progress: Progress, *, rows: int, seed: int
) -> tuple[Retriever, RankerTask, dict[str, Any]]:
    """The retriever, what a ranker can learn from what it found at `rank_from`, and what there is to say.

    Raises:
        SegueError: on one side of `split.rank_from` there are no listens or no first ones, none of those after it is of a
            track known by then, or the retriever diverged.
    """
    tf.keras.utils.set_random_seed(seed)
    with progress.step("read labels"):
        listens = read_labels(None, split.cutoff, LEARNED_COLUMNS)
        _require_both_sides(listens, split)
    with progress.step("training set"):
        since = settled_from(listens, split.rank_from)
        early = make_examples(first_listens(since, split.rank_from, rows=rows, seed=seed), seed=seed)
        late = make_examples(first_listens(split.rank_from, split.cutoff, rows=rows, seed=seed), seed=seed)
        known = catalogue_at(split.cutoff)
        then, plays = ranked_days(known, listens, split, hyper)
        _require_plays(plays, late, split)
    with workers().scope():
        retriever = Retriever(hyper.retriever, vocabularies(listens, early, late, known))
    retriever.adapt(early)
    before = listens[listens[TIMESTAMP] < split.rank_from]
    with progress.step("retriever"):
        first = retriever.fit_examples(early, heard_pairs(retriever, before), seed=seed)
    with progress.step("candidates for the ranker"):
        task = ranker_task(retriever, then, plays, known, listens, split, hyper)
    with progress.step("retriever, the last days"):
        more = retriever.fit_examples(late, heard_pairs(retriever, listens), seed=seed + 1)
    lists = task.lists
    metrics = {
        "examples": len(early) + len(late),
        "retriever_loss": [round(loss, 4) for loss in (*first, *more)],
        "ranker_lists": len(lists.users),
        "ranker_exposures": int((lists.place > 0).sum()),
        "ranker_plays_found": round(float(lists.played[:, :-EXTRA_PLAYS].sum() / max(lists.played.sum(), 1)), 4),
    }
    return retriever, task, metrics


def ranked_days(
    known: Catalogue, listens: pd.DataFrame, split: Split, hyper: Hyperparameters
) -> tuple[Catalogue, pd.DataFrame]:
    """The catalogue of `rank_from` with what came out from then to the cutoff, whose catalogue is `known`; and the first plays
    of it in those days."""
    then = with_new_releases(catalogue_at(split.rank_from), known, split.rank_from, split.cutoff)
    return then, first_plays_of(listens, then, split.rank_from, hyper.ranker)


def ranker_task(
    retriever: Retriever,
    then: Catalogue,
    plays: pd.DataFrame,
    known: Catalogue,
    listens: pd.DataFrame,
    split: Split,
    hyper: Hyperparameters,
) -> RankerTask:
    """What a ranker can learn from what `retriever`, which has learned the days before `rank_from`, finds at that day; `then`
    and `plays` are its `ranked_days`, `known` is the catalogue of the cutoff, `listens` are the labels before it."""
    new = plays[plays["user_id"].isin(spread(plays["user_id"], hyper.doubt.listeners))]
    now = users_at(list(plays["user_id"].unique()), split.rank_from)
    before = when_new(list(new["user_id"].unique()), listens, split.rank_from)
    lists = _lists(retriever, then, listens, plays, now, split, hyper)
    newcomers = _lists(retriever, then, listens, new, before, split, hyper)
    return RankerTask(lists, newcomers, then, known, listens, split)


def settled_from(listens: pd.DataFrame, rank_from: datetime) -> datetime:
    """The day from which the retriever learns: the first days of a log are left out, `SETTLING_DAYS` of them or a quarter.

    On the first day nothing has a history, so a missing one says nothing; from then on it says that a track has just come
    out or a user is new. A retriever that learned both would change, on the last days, what the ranker was taught with.
    """
    days = listens.loc[listens[TIMESTAMP] < rank_from, TIMESTAMP].dt.floor("D").unique()
    return sorted(days)[min(SETTLING_DAYS, len(days) // 4)].to_pydatetime()


def _require_both_sides(listens: pd.DataFrame, split: Split) -> None:
    early = int((listens[TIMESTAMP] < split.rank_from).sum())
    if not early or early == len(listens):
        raise SegueError(
            expected=f"listens both before {split.rank_from:%Y-%m-%d} and from then to before {split.cutoff:%Y-%m-%d}",
            received=f"{early} and {len(listens) - early}",
            mend="choose a later as-of day, or hold out fewer days with SEGUE_HOLDOUT_DAYS",
        )


def _require_plays(plays: pd.DataFrame, late: Examples, split: Split) -> None:
    if plays.empty:
        raise SegueError(
            expected=f"first listens from {split.rank_from:%Y-%m-%d} to before {split.cutoff:%Y-%m-%d} of tracks that were "
            "known when those days began, or came out in them",
            received=f"{len(late)} first listens, all of other tracks",
            mend="choose a later as-of day, or land the catalogue with the days the tracks came out",
        )


def vocabularies(listens: pd.DataFrame, early: Examples, late: Examples, known: Catalogue) -> Vocabularies:
    """Every id and name to be known from `known` and the labels `listens`, which the examples are of."""
    territories = [value for part in (early, late) for value in part.users["territory"].dropna().unique()]
    return Vocabularies(
        users=list(listens["user_id"].unique()),
        tracks=list(listens["track_id"].unique()),
        artists=list(known.frame["artist_id"].dropna().unique()),
        genres=list(known.frame["genre"].dropna().unique()),
        territories=territories,
    )


def heard_pairs(retriever: Retriever, listens: pd.DataFrame) -> HeardPairs:
    """Who heard what in `listens` (labels rows)."""
    users, tracks = retriever.query_tower.users, retriever.track_tower.tracks
    pairs = listens[["user_id", "track_id"]].drop_duplicates()
    numbers = []
    for vocabulary, name in ((users, "user_id"), (tracks, "track_id")):
        named = pairs[name].astype("category").cat  # each id is looked up once
        ids = tf.constant(named.categories.to_numpy(dtype=object), tf.string)
        numbers.append(vocabulary(ids).numpy()[named.codes])
    return HeardPairs(numbers[0], numbers[1], users.size, tracks.size)


def _lists(
    retriever: Retriever,
    then: Catalogue,
    listens: pd.DataFrame,
    plays: pd.DataFrame,
    users: pd.DataFrame,
    split: Split,
    hyper: Hyperparameters,
) -> Lists:
    """What the retriever finds for the `users` of `plays`, rows in order of first appearance, of what they had not heard at
    `rank_from`, and what they heard for the first time until the cutoff: `plays`, as `first_plays_of` gives them."""
    ids = plays["user_id"].unique()
    queries = vectors_of(retriever.query, users)
    vectors = vectors_of(retriever.track, then.frame)
    heard = heard_places(listens, ids, then, split.rank_from)
    found = top_unheard(queries, vectors, heard, hyper.ranker.candidates)
    place = {user: n for n, user in enumerate(ids)}
    shown = places_of(plays, ids, then, split, heard)
    return make_lists(users, found, plays.assign(user=plays["user_id"].map(place)), queries, vectors, shown)
