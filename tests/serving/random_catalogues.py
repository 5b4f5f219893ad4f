"""Random catalogues, and listeners and funnels over them, for tests of the policy."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np

from segue.policy import DEFAULT_POLICY, PolicySettings
from serving.funnel.funnel import Funnel
from serving.policy.rule import Listeners
from serving.tracks.catalogue import Catalogue, Licences

DAY = date(2026, 11, 16)
PLACES = (None, "DE", "SE")
GENRES = ("jazz", "metal", "techno")


def make_catalogue(seed: int, size: int) -> Catalogue:
    """Few artists and families, so that every rule bites; licences that begin or end inside the week."""
    rng = np.random.default_rng(seed)
    windows = [
        (row, place, DAY + timedelta(days=int(rng.integers(-9, 5))), DAY + timedelta(days=int(rng.integers(0, 12))))
        for row in range(size)
        for place in ("DE", "SE")
        if rng.random() < 0.6
    ]
    ids = np.array([f"t{row:03d}" for row in range(size)], dtype=object)
    artist = rng.integers(0, max(1, size // 3), size).astype(np.int32)
    return Catalogue(
        ids=ids,
        title=ids,
        artist_id=np.array([f"a{n}" for n in artist], dtype=object),
        artist_name=np.array([None] * size, dtype=object),
        genre=rng.choice(np.array([None, *GENRES], dtype=object), size),
        artist=artist,
        family=rng.integers(0, max(1, size // 2), size).astype(np.int32),
        explicit=rng.random(size) < 0.3,
        everywhere=rng.random(size) < 0.5,
        licences=Licences(
            np.array([w[0] for w in windows], dtype=np.int32),
            np.array([w[1] for w in windows], dtype=object),
            np.array([w[2] for w in windows], dtype="datetime64[D]"),
            np.array([w[3] for w in windows], dtype="datetime64[D]"),
        ),
        plays=(rng.integers(0, 40, size) * (rng.random(size) < 0.8)).astype(np.float32),
        territory_plays={"SE": rng.integers(0, 3, size).astype(np.float32)},
        accounts={},
    )


def make_listeners(seed: int, catalogue: Catalogue, *, days: int = 6, discovery: bool = True) -> Listeners:
    """Three people; on average one has no habit."""
    rng, size = np.random.default_rng(seed), len(catalogue)

    def some(most: float, size: int = size) -> list[Any]:
        return [np.flatnonzero(rng.random(size) < rng.random() * most).astype(np.int32) for _ in range(3)]

    shares = rng.dirichlet(np.ones(2), 3).astype(np.float32)
    return Listeners(
        ids=["a", "b", "c"],
        territory=[PLACES[i] for i in rng.integers(0, 3, 3)],
        explicit_allowed=rng.random(3) < 0.5,
        heard=some(0.8),
        disliked=some(0.3),
        excluded=some(0.3),
        first=DAY,
        last=DAY + timedelta(days=days),
        disliked_artists=some(0.3, catalogue.artist_count),
        genres=rng.integers(-1, len(catalogue.genres), (3, 2)).astype(np.int32),
        genre_shares=shares * np.float32(rng.random()),
        habit=np.where(rng.random(3) < 0.7, rng.uniform(0.3, 3.5, 3), np.nan).astype(np.float32),
        discovery=discovery,
        saved=some(0.3),
        adventurousness=rng.choice(np.array([np.nan, 0, 0.4, 1], dtype=np.float32), 3),
    )


def make_funnel(seed: int, catalogue: Catalogue, policy: PolicySettings = DEFAULT_POLICY) -> Funnel:
    """A funnel whose model ranks at random, and knows only some of the tracks, and some that the catalogue has not."""
    rng = np.random.default_rng(seed)
    known = rng.permutation(catalogue.ids)[: max(1, int(len(catalogue) * 0.8))]
    ids = np.append(known, "gone").astype(object)
    vectors = rng.normal(size=(len(ids), 4)).astype(np.float32)
    model = SimpleNamespace(
        track_ids=ids,
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        version="r1",
        searcher=None,
        sessions=object(),
        policy=policy,
        following=lambda numbers: rng.random((1, len(ids)), dtype=np.float32),
        queries=lambda columns: rng.normal(size=(len(columns["user_id"]), 4)).astype(np.float32),
        scores=lambda columns, candidates, similarity: rng.random(candidates.shape, dtype=np.float32),
    )
    return Funnel(model, catalogue)  # type: ignore[arg-type]
