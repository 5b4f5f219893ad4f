"""What the exploring slots of lists looked at, for the log."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from serving.policy.rule import Floats, Places
from serving.tracks.catalogue import Rows


@dataclass(frozen=True)
class Tried:
    """What the exploring slots of n lists looked at: candidate `rows` (n, p), `NO_TRACK` for none; what was believed of them,
    the `mean` and `deviation` (n, p) of the log of their relative save rate, and what is drawn once for several of them: codes
    of `genre` and `artist` (n, p), with the part `of_genre` (n, p) in the deviation; for each slot (n, s) which of them it
    `took`, -1 where a list has no such slot, and all their `worth` and `propensity` (n, s, p), 0 where not open; and the
    `dial` (n,). How new each is to its listener is `newness` (n, p), of which its worth has `tilt` (n,) times as much."""

    rows: Rows
    mean: Floats
    deviation: Floats
    genre: Rows
    artist: Rows
    of_genre: Floats
    took: npt.NDArray[np.int8]
    worth: Floats
    propensity: Floats
    dial: Floats
    newness: Floats
    tilt: Floats

    def but(self, which: Places) -> Tried:
        """The same, with nothing tried in the lists `which`."""
        took = self.took.copy()
        took[which] = -1
        return replace(self, took=took)
