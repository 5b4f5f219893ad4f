"""What one week came to in one arm: how its lists were received, and how its plays spread over artists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.world.judgement import COMPLETE, EARLY_SKIP, SURFACES, Plays
from infra.world.memory import NO_TRACK
from infra.world.simulation import DAYS_PER_WEEK, World
from infra.world.space import Flags, Ints
from segue.names import Surface

Doubles = npt.NDArray[np.float64]

RATES = ("save_rate", "skip_rate", "early_skip_rate", "new_artists")
"""The shares of the plays of lists, in the order of `Week.counted`."""


@dataclass(frozen=True)
class Week:
    """How the lists of a week were received, listener by listener, and how they spread.

    Args:
        played: plays of each honest listener's list (n,).
        counted: how many of them were saved, skipped, skipped early and by an artist not heard before (4, n), as in `RATES`.
        coverage: the share of the catalogue that is on the list of anybody who had joined by its last day.
        gini: of the lists' plays over artists: 0 when every artist is played alike, near 1 when one has it all.
        gini_all_plays: of all plays.
    """

    played: Doubles
    counted: Doubles
    coverage: float
    gini: float
    gini_all_plays: float

    @property
    def plays(self) -> int:
        return int(self.played.sum())

    @property
    def save_rate(self) -> float:
        return self._rate("save_rate")

    @property
    def skip_rate(self) -> float:
        return self._rate("skip_rate")

    @property
    def early_skip_rate(self) -> float:
        return self._rate("early_skip_rate")

    @property
    def new_artists(self) -> float:
        return self._rate("new_artists")

    def _rate(self, name: str) -> float:
        return float(self.counted[RATES.index(name)].sum() / max(self.plays, 1))

    def as_dict(self) -> dict[str, float]:
        rates = {name: self._rate(name) for name in RATES}
        spread = {"coverage": self.coverage, "gini": self.gini, "gini_all_plays": self.gini_all_plays}
        return {"plays": self.plays, "saves": int(self.counted[0].sum()), **rates, **spread}


def measured(world: World, number: int, lists: Ints, plays: Plays, known_artists: Flags) -> Week:
    """The week that began on day `number` with `lists` (users, length), and `known_artists` (users, artists) as of then."""
    bot, artist = world.listeners.population.bot, world.catalogue.tracks.artist
    joined = world.listeners.known[number + DAYS_PER_WEEK - 1]
    honest = ~bot[plays.user]
    given = honest & (plays.surface == SURFACES.index(Surface.WEEKLY))
    user, outcome = plays.user[given], plays.outcome[given]
    unknown = ~known_artists[user, artist[plays.track[given]]]
    counts = (plays.saved[given], outcome != COMPLETE, outcome == EARLY_SKIP, unknown)
    on_lists = np.unique(lists[:joined][~bot[:joined]])
    artists = int(world.catalogue.artists_known[number])
    return Week(
        played=np.bincount(user, minlength=len(bot))[~bot].astype(np.float64),
        counted=np.stack([np.bincount(user, weights=of_play, minlength=len(bot))[~bot] for of_play in counts]),
        coverage=float((on_lists != NO_TRACK).sum() / world.catalogue.released[number]),
        gini=gini(np.bincount(artist[plays.track[given]], minlength=artists)),
        gini_all_plays=gini(np.bincount(artist[plays.track[honest]], minlength=artists)),
    )


def gini(counts: npt.NDArray[np.int64]) -> float:
    """The Gini index of counts (n,), those of nothing included; 0 where nothing is counted (Gini 1912, by sorted ranks)."""
    total = counts.sum()
    if not total:
        return 0.0
    ranks = np.arange(1, len(counts) + 1)
    return float((2 * ranks - len(counts) - 1) @ np.sort(counts) / (len(counts) * total))
