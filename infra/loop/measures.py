"""What one week came to in one arm: how its lists were received, and how its plays spread over artists."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from infra.world.judgement import COMPLETE, EARLY_SKIP, SURFACES, Plays
from infra.world.memory import NO_TRACK
from infra.world.simulation import World
from infra.world.space import Flags, Ints
from segue.names import Surface


@dataclass(frozen=True)
class Week:
    """`plays` are those of the lists; the rates are shares of them. `coverage` is the share of the catalogue that is on
    anybody's list; the Gini indices are 0 when every artist is played alike and near 1 when one has it all."""

    plays: int
    saves: int
    save_rate: float
    skip_rate: float
    early_skip_rate: float
    new_artists: float
    coverage: float
    gini: float
    gini_all_plays: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def measured(world: World, number: int, lists: Ints, plays: Plays, known_artists: Flags) -> Week:
    """The week that began on day `number` with `lists` (users, length), and `known_artists` (users, artists) as of then."""
    bot, artist = world.listeners.population.bot, world.catalogue.tracks.artist
    honest = ~bot[plays.user]
    given = honest & (plays.surface == SURFACES.index(Surface.WEEKLY))
    heard = max(int(given.sum()), 1)
    on_lists = np.unique(lists[~bot])
    artists = int(world.catalogue.artists_known[number])
    return Week(
        plays=int(given.sum()),
        saves=int(plays.saved[given].sum()),
        save_rate=float(plays.saved[given].sum() / heard),
        skip_rate=float((plays.outcome[given] != COMPLETE).sum() / heard),
        early_skip_rate=float((plays.outcome[given] == EARLY_SKIP).sum() / heard),
        new_artists=float((~known_artists[plays.user[given], artist[plays.track[given]]]).sum() / heard),
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
