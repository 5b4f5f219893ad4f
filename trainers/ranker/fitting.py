"""Fits the ranker of a release: what users did and were shown, and either kind of model on the lists made of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from segue.dates import Split
from trainers.examples import Catalogue
from trainers.hyperparameters import Hyperparameters
from trainers.ranker.companions import track_factors
from trainers.ranker.doubt import doubt_in
from trainers.ranker.feedback import exposures, first_plays, places_shown
from trainers.ranker.inputs import RankerInputs, RankerNames
from trainers.ranker.lists import Lists
from trainers.ranker.network import BlendWeights, RankerNetwork
from trainers.ranker.pair import RankerPair
from trainers.ranker.ranking import Ranker, RankerConfig, adapt
from trainers.ranker.reception import reception
from trainers.ranker.rows import starts
from trainers.ranker.start import fit_start
from trainers.ranker.trees import RankerTrees, TreeLists
from trainers.ranker.weights import believed, held_apart

if TYPE_CHECKING:
    import pandas as pd

AnyRanker = RankerNetwork | RankerTrees | RankerPair


@dataclass(frozen=True)
class RankerTask:
    """What a ranker of either kind learns from: the lists, over the rows of `then`, the catalogue as of `rank_from`; `known`
    is that of the cutoff, and `listens` are the labels before it. `newcomers` are lists for some of the same listeners as they
    were when they were new."""

    lists: Lists
    newcomers: Lists
    then: Catalogue
    known: Catalogue
    listens: pd.DataFrame
    split: Split


def fit_ranker(task: RankerTask, hyper: Hyperparameters, *, seed: int) -> tuple[AnyRanker, BlendWeights, list[float]]:
    """The ranker of `hyper.ranker.kind`, the blend with the weight of heads without any feedback at 0, and its losses.

    While it learns it knows the tracks as of `rank_from`, afterwards as of the cutoff.

    Raises:
        SegueError: it diverged.
    """
    tf.keras.utils.set_random_seed(seed)
    lists, then = task.lists, task.then
    heads = bool(lists.skipped.any()), bool(lists.saved.any())
    blend = replace(hyper.blend, early_skip=hyper.blend.early_skip * heads[0], save=hyper.blend.save * heads[1])
    names = _ranker_names(task.known, then.territories)
    inputs = RankerInputs(names, hyper.companions, hyper.reception, scale=1.0 / hyper.retriever.temperature)
    _know_tracks(inputs, names, then, task.listens, task.split.rank_from, hyper, seed)
    adapt(inputs, lists.users, then.frame)
    fit_start(inputs, lists, then, hyper.start, seed=seed)
    ranker, losses = _fitted(inputs, blend, heads, task, hyper, seed)
    inputs.doubt.assign(doubt_in(ranker, task.newcomers, then, hyper.doubt))
    if hyper.ranker.kind == "lambdarank":
        blend = BlendWeights(save=0.0, early_skip=0.0)  # trees have no heads to blend
    _know_tracks(inputs, names, task.known, task.listens, task.split.cutoff, hyper, seed)
    return ranker, blend, losses


def _fitted(
    inputs: RankerInputs, blend: BlendWeights, heads: tuple[bool, bool], task: RankerTask, hyper: Hyperparameters, seed: int
) -> tuple[AnyRanker, list[float]]:
    """The ranker of `hyper.ranker.kind` upon its start, and its losses. The trees alone stop by lists of their own."""
    lists, then, kind = task.lists, task.then, hyper.ranker.kind
    trees = TreeLists(inputs, lists, then, hyper.trees, seed=seed) if kind != "network" else None
    if trees and kind == "lambdarank":
        alone = trees.fitted()
        return alone, [alone.loss]
    model = Ranker(RankerNetwork(inputs, blend, hyper.ranker.shape), hyper.ranker, heads_known=heads)
    begun, apart = starts(inputs, lists, then), held_apart(lists, hyper.weights, seed=seed)
    # Neither waits for the other's turns: they compute outside of the interpreter's lock, and both weights come last.
    with ThreadPoolExecutor(1) as beside:
        growing = beside.submit(trees.judged_and_fitted, apart) if trees else None
        added = [[model.learned_without(some, lists, then, seed=seed) for some in apart]]
        model.begin_again()
        losses = model.fit_lists(lists, then, seed=seed)
        of_trees, grown = growing.result() if growing else (None, None)
    weights = believed([*added, of_trees] if of_trees is not None else added, apart, begun, lists, hyper.weights)
    model.believe(weights[0], lists, then, begun)
    return (RankerPair(model.network, grown, weights[1]), [*losses, grown.loss]) if grown else (model.network, losses)


def _ranker_names(known: Catalogue, territories: tuple[str, ...]) -> RankerNames:
    artists = known.frame["artist_id"].fillna("")
    return RankerNames(
        artist_of=dict(zip(known.frame["track_id"], artists, strict=True)),
        genres=list(known.frame["genre"].dropna().unique()),
        territories=territories,
    )


def _know_tracks(
    inputs: RankerInputs,
    names: RankerNames,
    catalogue: Catalogue,
    listens: pd.DataFrame,
    until: datetime,
    hyper: Hyperparameters,
    seed: int,
) -> None:
    """What is known of the tracks at `until`: who plays them together, how much, and how they are received."""
    import pandas as pd

    ids = np.array(names.tracks, dtype=object)
    plays = catalogue.frame.set_index("track_id")["track_plays_30d"].reindex(ids).to_numpy(np.float32, na_value=np.nan)
    artists = pd.factorize(np.array([names.artist_of[track] or None for track in ids], object))[0]
    inputs.know_tracks(
        track_factors(listens, ids, until, hyper.companions, seed=seed),
        plays,
        reception(listens, ids, artists, until, hyper.reception),
    )


def first_plays_of(listens: pd.DataFrame, then: Catalogue, since: datetime, config: RankerConfig) -> pd.DataFrame:
    """First listens from `since` on of tracks in the catalogue, by at most `users` users, spread evenly over their ids."""
    new = first_plays(listens, since, edge_weight=config.edge_weight)
    track = _index_of(then).reindex(new["track_id"]).to_numpy()
    new = new.assign(track=track)[~np.isnan(track)].astype({"track": int})
    return new[new["user_id"].isin(spread(new["user_id"], config.users))]


def spread(user_ids: pd.Series[str], most: int) -> npt.NDArray[Any]:
    """At most so many of the users named, spread evenly over their ids."""
    ids = np.sort(user_ids.unique())
    return ids[:: max(1, -(-len(ids) // most))]


def places_of(
    plays: pd.DataFrame, ids: npt.NDArray[Any], then: Catalogue, split: Split, heard: tuple[Any, Any]
) -> pd.DataFrame:
    """Which tracks of the catalogue those users were shown between `rank_from` and the cutoff, without any they knew."""
    import pandas as pd

    shown = places_shown(exposures(list(ids), split.rank_from, split.cutoff), plays)
    user = pd.Index(ids).get_indexer(pd.Index(shown["user_id"]))
    track = pd.Index(then.track_ids).get_indexer(pd.Index(shown["track_id"]))
    known = np.isin(user * len(then.frame) + track, heard[0] * len(then.frame) + heard[1])
    return shown.assign(user=user, track=track)[(track >= 0) & ~known][["user", "track", "place"]]


def _index_of(catalogue: Catalogue) -> pd.Series[Any]:
    import pandas as pd

    return pd.Series(np.arange(len(catalogue.frame)), index=catalogue.track_ids)
