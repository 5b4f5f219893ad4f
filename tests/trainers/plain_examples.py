"""A retriever on interactions of ids alone, as the tests of the trainers want it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import tensorflow as tf

from trainers.inputs import QUERY, TRACK
from trainers.interactions import Floats, Indices, Interactions, recommend_by_score
from trainers.retriever.config import RetrieverConfig
from trainers.retriever.ids_only import examples_of, heard_in, rows, track_ids, user_ids
from trainers.retriever.model import Retriever, Vocabularies
from trainers.retriever.retrieval import vectors_of

SMALL = RetrieverConfig(dimensions=16, hidden=16, batch=128, fewest_steps=120)
UNHIDDEN = replace(SMALL, context_dropout=0.0, id_dropout=0.0, vector_dropout=0.0, cold_dropout=0.0)
"""For tests of arithmetic: nothing is hidden by chance, so that a step can be computed twice."""


def new_retriever(users: int, tracks: int, config: RetrieverConfig = SMALL, *, seed: int = 17) -> Retriever:
    tf.keras.utils.set_random_seed(seed)
    return Retriever(config, Vocabularies(user_ids(users), track_ids(tracks), [], [], []))


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
