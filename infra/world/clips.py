"""Short clips of every track, so that what a track sounds like says something about where it lies.

A clip is one chord, pulsed. Its key is that of the nearest of twelve directions of the latent space; the strength of each
partial is a direction of its own, plus what a studio adds; the pulse is the tempo, and the noise on it the energy.
Two seconds at 8 kHz: a few kilobytes each, and ten thousand in seconds.
"""

from __future__ import annotations

import io
import uuid
from pathlib import Path

import numpy as np

from infra.world.catalogue import Tracks
from infra.world.parameters import ClipParameters
from infra.world.space import Floats, stream, unit
from infra.world.writing import track_ids
from segue.home import Home

KEYS = 12
_LOWEST_HZ = 110.0
_AT_ONCE = 64


def write_clips(home: Home, tracks: Tracks, settings: ClipParameters, *, seed: int) -> int:
    """Write the clips that are not there yet as FLAC; how many there are. The same track has the same bytes."""
    ids = np.array(track_ids(np.arange(len(tracks))))
    home.audio.mkdir(parents=True, exist_ok=True)
    there = {path.name for path in home.audio.iterdir()}
    lacking = np.flatnonzero([home.clip(track).name not in there for track in ids])
    studio = Studio(settings, dimensions=tracks.vector.shape[1], seed=seed)
    keys = studio.keys(tracks.vector[lacking])
    for key in range(KEYS):
        rows = lacking[keys == key]
        for at in range(0, len(rows), _AT_ONCE):
            some = rows[at : at + _AT_ONCE]
            sounds = studio.sounds(some, key, tracks.vector[some], tracks.tempo[some], tracks.energy[some])
            for track, sound in zip(ids[some], sounds, strict=True):
                _write(home.clip(track), sound, settings.rate)
    return len(ids)


class Studio:
    """How the tracks of one world sound."""

    def __init__(self, settings: ClipParameters, *, dimensions: int, seed: int) -> None:
        rng = stream(seed, "studio")
        self.settings, self.seed = settings, seed
        self.key_axes = unit(rng.standard_normal((KEYS, dimensions)))
        self.timbre_axes = unit(rng.standard_normal((settings.partials, dimensions)))
        self.noise = rng.standard_normal(1 << 16).astype(np.float32)
        self.seconds = np.arange(round(settings.seconds * settings.rate), dtype=np.float32) / settings.rate

    def keys(self, vectors: Floats) -> np.ndarray:
        """The key 0 to 11 of each track (n,)."""
        return (vectors @ self.key_axes.T).argmax(axis=1)

    def sounds(self, rows: np.ndarray, key: int, vectors: Floats, tempo: Floats, energy: Floats) -> Floats:
        """Samples (n, samples) within +-0.5 of tracks of one key."""
        settings = self.settings
        partials = np.arange(1, settings.partials + 1, dtype=np.float32)
        waves = np.sin(2 * np.pi * _LOWEST_HZ * 2 ** (key / KEYS) * np.outer(partials, self.seconds) + partials[:, None] ** 2)
        timbre = settings.timbre * vectors @ self.timbre_axes.T * np.sqrt(vectors.shape[1])
        mastered = np.stack([stream(self.seed, "mastering", int(row)).standard_normal(settings.partials) for row in rows])
        gains = np.exp(timbre + settings.mastering * mastered - 0.5 * np.log(partials)).astype(np.float32)
        phase = (self.seconds * (tempo[:, None] / np.float32(60.0))) % 1.0
        pulse = np.exp(np.float32(-4.0) * phase)
        starts = (rows * 7_919) % (len(self.noise) - len(self.seconds))
        hiss = np.stack([self.noise[start : start + len(self.seconds)] for start in starts])
        mixed = (gains @ waves.astype(np.float32)) * (0.4 + pulse)
        mixed /= np.abs(mixed).max(axis=1, keepdims=True)
        mixed += np.float32(0.15) * energy[:, None] * hiss * pulse
        sounds: Floats = 0.5 * mixed / np.abs(mixed).max(axis=1, keepdims=True)
        return sounds


def _write(target: Path, sound: Floats, rate: int) -> None:
    """All or nothing; not flushed one by one, because a clip that a lost machine left empty is counted and passed over."""
    import soundfile

    content = io.BytesIO()
    soundfile.write(content, sound, rate, format="FLAC", subtype="PCM_S8")
    temporary = target.parent / f".{target.name}.{uuid.uuid4().hex}"
    temporary.write_bytes(content.getvalue())
    temporary.replace(target)
