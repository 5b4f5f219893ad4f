"""Names of artists and titles of tracks: invented words, so that a person can read a playlist; they carry no signal."""

from __future__ import annotations

import numpy as np

from infra.world.catalogue import LIVE, ORIGINAL, RADIO_EDIT, REMASTER, Tracks
from infra.world.space import stream

_ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "dr", "kl", "st", "tr", "sh")
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "ou")
_FIRST = (
    "Paper", "Silver", "Midnight", "Golden", "Hollow", "Electric", "Quiet", "Broken", "Distant", "Velvet", "Northern",
    "Wild", "Lonely", "Crystal", "Burning", "Summer", "Winter", "Blue", "Crimson", "Slow", "Neon", "Salt", "Open", "Last",
)  # fmt: skip
_SECOND = (
    "Rivers", "Lights", "Hearts", "Roads", "Mirrors", "Oceans", "Letters", "Windows", "Shadows", "Gardens", "Trains", "Echoes",
    "Satellites", "Harbour", "Machines", "Sparrows", "Avenue", "Horizon", "Fever", "Thunder", "Morning", "Parade", "Signal",
    "Tides", "Ladder", "Orchard", "Static", "Lanterns", "Bridges", "Season",
)  # fmt: skip
_SUFFIX = {ORIGINAL: "", REMASTER: " (Remastered)", LIVE: " (Live)", RADIO_EDIT: " (Radio Edit)"}


def artist_names(seed: int, count: int) -> list[str]:
    """`count` invented names; the first ones are the same for a longer world."""
    drawn = stream(seed, "artist names").random((count, 4))
    onset, vowel = (drawn[:, :2] * len(_ONSETS)).astype(int), (drawn[:, 2:] * len(_VOWELS)).astype(int)
    second = [f" {_SECOND[number // 3 % len(_SECOND)]}" if number % 3 == 0 else "" for number in range(count)]
    letters = zip(onset.tolist(), vowel.tolist(), second, strict=True)
    return [f"{_ONSETS[a]}{_VOWELS[v]}{_ONSETS[b]}{_VOWELS[w]}".capitalize() + word for (a, b), (v, w), word in letters]


def track_titles(seed: int, tracks: Tracks) -> list[str]:
    """A title per track; the versions of one recording share theirs, with a suffix."""
    drawn = stream(seed, "titles").random((len(tracks), 2))
    first, second = (drawn[:, 0] * len(_FIRST)).astype(int), (drawn[:, 1] * len(_SECOND)).astype(int)
    rows = zip(first[tracks.family].tolist(), second[tracks.family].tolist(), tracks.kind.tolist(), strict=True)
    return [f"{_FIRST[a]} {_SECOND[b]}{_SUFFIX[kind]}" for a, b, kind in rows]


def missing_attributes(seed: int, count: int, share: float) -> dict[str, np.ndarray]:
    """Masks (count,) of the attributes that the catalogue leaves empty."""
    drawn = stream(seed, "missing attributes").random((count, 4))
    return {name: drawn[:, i] < share for i, name in enumerate(("genre", "tempo", "energy", "duration_ms"))}
