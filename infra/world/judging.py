"""What the listeners of a stored world would do with any track, from its truth alone: how much they like it, how likely they
hear it to the end, how likely they save it. For whoever measures lists; no stage of the platform reads it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow.parquet as pq

from infra.world.day import affinity
from infra.world.judgement import finishing, saving
from infra.world.parameters import ListeningParameters
from infra.world.space import Flags, Floats, Ints
from segue.errors import SegueError
from segue.home import Home
from segue.release import read_json


@dataclass(frozen=True)
class Judge:
    """The truth of the world in `home`. Users and tracks are numbers as in their ids; tastes are those of the world's last
    week."""

    home: Home

    def liking(self, users: Ints, tracks: Ints) -> Floats:
        """How much users (n,) like tracks (n,)."""
        vectors, weights = self._tastes
        return affinity(vectors[users], weights[users], self._tracks[tracks], self.settings.taste_sharpness)

    def finishing(self, users: Ints, tracks: Ints) -> Floats:
        """The chance (n,) that a track they never heard is heard to the end."""
        return finishing(self.settings, self.liking(users, tracks), self._new(users))

    def saving(self, users: Ints, tracks: Ints) -> Floats:
        """The chance (n,) that a track they never heard is saved when it is put on once."""
        return saving(self.settings, self.liking(users, tracks), self._new(users))

    @cached_property
    def settings(self) -> ListeningParameters:
        """How this world listens."""
        said = read_json(self.home.world / "world.json")
        if said is None:
            raise SegueError(expected=f"a simulated world in {self.home.world}", received="none", mend="run `segue world`")
        return ListeningParameters(**said["parameters"]["listening"])

    @cached_property
    def _tracks(self) -> Floats:
        return _matrix(self.home.world / "truth" / "tracks.parquet")

    @cached_property
    def _tastes(self) -> tuple[Floats, Floats]:
        """Vectors (users, k, d) and weights (users, k)."""
        weeks = (self.home.world / "truth" / "tastes").glob("week=*")
        last = max(weeks, key=lambda path: int(path.name.removeprefix("week="))) / "data.parquet"
        weights = pq.ParquetFile(last).read(columns=["weight", "taste"])
        kinds = int(weights["taste"].to_numpy().max()) + 1
        vectors = _matrix(last)
        return vectors.reshape(-1, kinds, vectors.shape[1]), weights["weight"].to_numpy().reshape(-1, kinds)

    def _new(self, users: Ints) -> Flags:
        return np.zeros(len(users), dtype=bool)


def _matrix(path: object) -> Floats:
    column = pq.ParquetFile(str(path)).read(columns=["vector"])["vector"].combine_chunks()
    values: Floats = column.flatten().to_numpy().reshape(len(column), -1)
    return values
