"""Training examples without a feature store: every feature is null but the ids, unless a test fills it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from segue.tensors import TensorSpec
from trainers.examples import Examples
from trainers.fitting import vectors_of
from trainers.inputs import QUERY, TRACK
from trainers.interactions import Floats, Indices, Interactions, recommend_by_score
from trainers.layers.heard import HeardPairs
from trainers.layers.vocabulary import FIRST_KNOWN
from trainers.retriever import Retriever, RetrieverConfig, Vocabularies

SMALL = RetrieverConfig(dimensions=16, hidden=16, batch=128, fewest_steps=120)


def rows(specs: tuple[TensorSpec, ...], n: int, **filled: Any) -> pd.DataFrame:
    """A frame of n rows with the columns of `specs`: null, or an unknown moment, where not filled."""
    empty: dict[str, Any] = {"float": np.full(n, np.nan), "string": [None] * n, "int": np.full(n, -1)}
    columns = {spec.name: [None] * n if spec.length else empty[spec.kind] for spec in specs}
    return pd.DataFrame(columns | filled)


def user_ids(n: int) -> list[str]:
    return [f"u{number:04d}" for number in range(n)]


def track_ids(n: int) -> list[str]:
    return [f"t{number:04d}" for number in range(n)]


def examples_of(interactions: Interactions, *, skipped: Any = None) -> Examples:
    """One example per interaction, in order; `skipped` marks early skips (m,)."""
    m, none = len(interactions.users), np.zeros(len(interactions.users), bool)
    return Examples(
        users=rows(QUERY, interactions.n_users, user_id=user_ids(interactions.n_users)),
        tracks=rows(TRACK, interactions.n_tracks, track_id=track_ids(interactions.n_tracks)),
        user_row=interactions.users.astype(np.int32),
        track_row=interactions.tracks.astype(np.int32),
        random_rows=np.arange(interactions.n_tracks, dtype=np.int32),
        device=np.full(m, None, object),
        hour_of_day=np.full(m, -1),
        day_of_week=np.full(m, -1),
        weight=interactions.weights,
        skipped=none if skipped is None else skipped,
    )


def new_retriever(users: int, tracks: int, config: RetrieverConfig = SMALL, *, seed: int = 17) -> Retriever:
    tf.keras.utils.set_random_seed(seed)
    return Retriever(config, Vocabularies(user_ids(users), track_ids(tracks), [], [], []))


def heard_in(interactions: Interactions) -> HeardPairs:
    users, tracks = (values.astype(np.int32) + FIRST_KNOWN for values in (interactions.users, interactions.tracks))
    return HeardPairs(users, tracks, interactions.n_users + FIRST_KNOWN, interactions.n_tracks + FIRST_KNOWN)


def fit(retriever: Retriever, interactions: Interactions, *, skipped: Any = None) -> list[float]:
    examples = examples_of(interactions, skipped=skipped)
    retriever.adapt(examples)
    return retriever.fit_examples(examples, heard_in(interactions), seed=17)


class RetrieverRecommender:
    """The retriever behind the interface of the shared suite."""

    def __init__(self, config: RetrieverConfig = SMALL) -> None:
        self.config = config

    def fit(self, interactions: Interactions) -> RetrieverRecommender:
        self.retriever = new_retriever(interactions.n_users, interactions.n_tracks, self.config)
        fit(self.retriever, interactions)
        users = rows(QUERY, interactions.n_users, user_id=user_ids(interactions.n_users))
        tracks = rows(TRACK, interactions.n_tracks, track_id=track_ids(interactions.n_tracks))
        self.queries = vectors_of(self.retriever.query, users)
        self.vectors = vectors_of(self.retriever.track, tracks)
        return self

    def recommend(self, users: Indices, k: int, exclude: Any = None) -> Indices:
        def scores(some: Indices) -> Floats:
            return self.queries[some] @ self.vectors.T

        return recommend_by_score(scores, users, k, exclude, len(self.vectors))
