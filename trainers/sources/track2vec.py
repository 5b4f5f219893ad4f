"""`track2vec`: Word2Vec over playlists and sessions, so that tracks that are played together lie together.

Mikolov et al. 2013, "Distributed representations of words and phrases and their compositionality"; on sessions and playlists
as sentences, Barkan and Koenigstein 2016, "Item2Vec". One thread and a fixed hash function: the same sentences give the same
vectors. A new training begins at the former snapshot's vectors and is then turned onto them (orthogonal Procrustes,
Schönemann 1966), so that a direction means the same from one snapshot to the next.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainers.inputs import VECTOR_LENGTH

Floats = npt.NDArray[np.float32]
Vectors = dict[str, Floats]
"""Track id to unit vector (d,)."""


@dataclass(frozen=True)
class Track2VecConfig:
    """Sentences are those of the last `window_days`, cut to `longest` tracks; a track needs `fewest` places in them."""

    dimensions: int = VECTOR_LENGTH
    window_days: int = 28
    window: int = 5
    negatives: int = 10
    epochs: int = 4
    rate: float = 0.05
    fewest: int = 5
    longest: int = 100


def train(sentences: Sequence[Sequence[str]], config: Track2VecConfig, *, seed: int, before: Mapping[str, Floats]) -> Vectors:
    """Unit vectors of the tracks that occur often enough, none when there is no such track.

    Args:
        sentences: track ids, in the order they were played or added.
        before: the vectors of the former snapshot, empty for the first.
    """
    from gensim.models import Word2Vec

    model = Word2Vec(
        vector_size=config.dimensions,
        window=config.window,
        negative=config.negatives,
        min_count=config.fewest,
        alpha=config.rate,
        sample=1e-3,
        sg=0,
        workers=1,
        seed=seed,
        hashfxn=_hash,
    )
    kept = [list(sentence)[: config.longest] for sentence in sentences if len(sentence) > 1]
    model.build_vocab(kept)
    ids = list(model.wv.index_to_key)
    if len(ids) < 2:
        return {}
    for row, track in enumerate(ids):
        if track in before:
            model.wv.vectors[row] = before[track]
    model.train(kept, total_examples=model.corpus_count, epochs=config.epochs)
    return turned_onto(before, dict(zip(ids, _units(model.wv.vectors), strict=True)))


def turned_onto(before: Mapping[str, Floats], vectors: Vectors) -> Vectors:
    """`vectors` after the rotation that brings the tracks also in `before` nearest to where they were."""
    shared = sorted(before.keys() & vectors.keys())
    if not shared:
        return vectors
    now, then = (np.stack([some[track] for track in shared]).astype(np.float64) for some in (vectors, before))
    left, _, right = np.linalg.svd(now.T @ then)
    rotation = (left @ right).astype(np.float32)
    return {track: vector @ rotation for track, vector in vectors.items()}


def _units(raw: Floats) -> Floats:
    """Without the mean they all share, which says only that they are tracks, and of length 1."""
    centred = raw - raw.mean(axis=0)
    units: Floats = (centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    return units


def _hash(text: str) -> int:
    """Python's own hash of text differs from process to process."""
    return zlib.crc32(text.encode())
