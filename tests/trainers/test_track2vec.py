"""Tracks that are played together lie together, the same way every time, and in a space that stays."""

from __future__ import annotations

import numpy as np
import pytest

from trainers.sources.track2vec import Track2VecConfig, Vectors, train, turned_onto

ISLANDS = [[f"{island}{n}" for n in range(12)] for island in "ab"]
CONFIG = Track2VecConfig(epochs=40)


def _sentences() -> list[list[str]]:
    rng = np.random.default_rng(1)
    return [list(rng.permutation(ISLANDS[n % 2])) for n in range(200)]


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return train(_sentences(), CONFIG, seed=17, before={})


def test_two_islands_of_playlists_separate(vectors: Vectors) -> None:
    a, b = (np.stack([vectors[track] for track in island]) for island in ISLANDS)
    assert (a @ a.T).mean() > 0.5
    assert (a @ b.T).mean() < 0.0


def test_the_same_sentences_and_seed_give_the_same_bytes(vectors: Vectors) -> None:
    again = train(_sentences(), CONFIG, seed=17, before={})
    assert {track: v.tobytes() for track, v in again.items()} == {track: v.tobytes() for track, v in vectors.items()}


def test_vectors_have_length_one_and_a_rare_track_has_none(vectors: Vectors) -> None:
    assert np.allclose([np.linalg.norm(v) for v in vectors.values()], 1, atol=1e-5)
    assert "rare" not in train([*_sentences(), ["rare", "a1"]], Track2VecConfig(epochs=1), seed=17, before={})


def test_a_turned_space_is_turned_back_onto_the_former(vectors: Vectors) -> None:
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(32, 32)))[0].astype(np.float32)
    turned = {track: v @ rotation for track, v in vectors.items()}
    assert max(np.abs(turned_onto(vectors, turned)[track] - v).max() for track, v in vectors.items()) < 1e-4
    assert max(np.abs(turned[track] - v).max() for track, v in vectors.items()) > 0.1  # the twin: without it they differ


@pytest.mark.parametrize("sentences", [[], [["a1"]], [["a1"] * 9], [["a1", "a2"]]])
def test_too_little_listening_gives_no_vectors_rather_than_bad_ones(sentences: list[list[str]]) -> None:
    assert all(np.isfinite(v).all() for v in train(sentences, Track2VecConfig(), seed=17, before={}).values())
