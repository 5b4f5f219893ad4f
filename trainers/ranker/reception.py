"""How a track is received once it is put on, whoever it was: more of some tracks is heard to the end than of others.

What is played a lot is not always what people stay with. So the ranker is told, beside how much a track is played, how far
its first listens end better than the usual one: the mean of what is left of their success, drawn towards that of the artist
by `track_prior` listens of evidence, and the artist's towards nothing by `artist_prior`. A track without any listens has
its artist's, and a track that came after the release the mean of its artist's tracks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from segue.features import TIMESTAMP
from trainers.gold import is_first
from trainers.ranker.feedback import success_of

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ReceptionConfig:
    """How much evidence stands against that of a track and of an artist, and the `ridge` against that of one listener."""

    track_prior: float = 20.0
    artist_prior: float = 50.0
    ridge: float = 10.0


@dataclass(frozen=True)
class Reception:
    """The mean success of a first listen, 1 for one heard to the end; and how far the tracks (m,) are above it."""

    usual: float
    tracks: Floats


def reception(
    listens: pd.DataFrame,
    track_ids: npt.NDArray[np.object_],
    artists: npt.NDArray[np.int64],
    until: datetime,
    config: ReceptionConfig,
) -> Reception:
    """How tracks (m,) by `artists` (m,), numbers from 0 and -1 for an unknown one, were received before `until`.

    Args:
        listens: labels rows. First listens count, by how far their account is trusted; one whose end the source cannot tell
            counts as heard to the end, or a track without a duration, whose early skips alone are known, would be left by all.
    """
    import pandas as pd

    told = listens[is_first(listens) & (listens[TIMESTAMP] < until)]
    track = pd.Index(track_ids).get_indexer(pd.Index(told["track_id"]))
    told, track = told[track >= 0], track[track >= 0]
    trust = told["integrity"].fillna(1.0).to_numpy(np.float64)
    if not trust.sum():
        return Reception(1.0, np.zeros(len(track_ids), np.float32))
    success = success_of(told).to_numpy()
    usual = float(np.average(success, weights=trust))
    better = np.asarray(success - usual)
    named = artists[track] >= 0
    of_artist = _shrunk(better[named], trust[named], artists[track][named], int(artists.max()) + 1, config.artist_prior)
    of_artist = np.append(of_artist, 0.0)  # where -1 points
    left = better - of_artist[artists[track]]
    of_track = _shrunk(left, trust, track, len(track_ids), config.track_prior)
    return Reception(usual, (of_artist[artists] + of_track).astype(np.float32))


def _shrunk(
    values: npt.NDArray[np.float64], trust: npt.NDArray[np.float64], of: npt.NDArray[np.int64], size: int, prior: float
) -> npt.NDArray[np.float64]:
    """Means (size,) of `values` (n,), as if each group `of` (n,) had `prior` more of them at nothing."""
    sums, counts = np.bincount(of, values * trust, minlength=size), np.bincount(of, trust, minlength=size)
    return np.asarray(sums / (counts + prior))
