"""A release opened for offline use: evaluation, the gate, tests. The live funnel has its own, leaner loader in `serving/`.

Everything here takes feature columns as `segue.features` returns them (a data frame, or a mapping of name to column) and
leaves every encoding to the layers saved in the release.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.release import Manifest
from trainers.examples import Catalogue

Columns = Mapping[str, Sequence[Any]]
Floats = npt.NDArray[np.float32]
HEADS = ("complete", "early_skip", "save")


@dataclass
class LoadedRelease:
    """One release in memory, verified."""

    version: str
    manifest: Manifest

    def query(self, users: Columns) -> Floats:
        """L2-normalised query vectors (n, d) of user rows: the user features, and the context where there is one
        (`device`, `hour_of_day`, `day_of_week`; a missing column counts as unknown)."""
        raise NotImplementedError

    def track_vectors(self, tracks: Columns) -> Floats:
        """L2-normalised track vectors (m, d) of track rows."""
        raise NotImplementedError

    def rank(
        self, users: Columns, catalogue: Catalogue, candidates: npt.NDArray[np.int32], retrieval_scores: Floats
    ) -> Floats:
        """Probabilities (n, c, 3) in the order of `HEADS`, for candidates (n, c) that are row numbers of `catalogue`,
        with the retriever's dot products (n, c)."""
        raise NotImplementedError

    def blend(self, heads: Floats) -> Floats:
        """The one score (n, c) the funnel sorts by, from the heads (n, c, 3)."""
        raise NotImplementedError


def load(version: str) -> LoadedRelease:
    """Verify and open `version`.

    Raises:
        SegueError: a file of it is missing, added or changed.
    """
    raise NotImplementedError
