"""Item neighbours over sessions: a track is scored by the running session's tracks it shares sessions with, cosine with
shrinkage (Hidasi et al., 2016, "Session-based recommendations with recurrent neural networks", the baseline Item-KNN, which
looks at the last track alone: `decay` 0 here)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp

from trainers.baselines.session_knn import incidence, largest, recent
from trainers.interactions import Floats
from trainers.sessions.next_track import normalised
from trainers.sessions.session_lists import Sessions


@dataclass(frozen=True)
class SessionItemKnnConfig:
    """`shrinkage` is added to the cosine's denominator; `neighbours` of a track are kept; `decay` as in `SessionKnnConfig`;
    `seen` is the factor on tracks that are in the running session already."""

    neighbours: int = 200
    shrinkage: float = 5.0
    decay: float = 0.5
    seen: float = 0.3


class SessionItemKnn:
    """Item neighbours by shared sessions; a track is its own neighbour with cosine 1, for the sake of repeats."""

    def __init__(self, config: SessionItemKnnConfig | None = None) -> None:
        self.config = config or SessionItemKnnConfig()

    def fit(self, sessions: Sessions, n_tracks: int) -> Self:
        heard = incidence(sessions, n_tracks)
        shared = sp.csr_matrix(heard.T @ heard)
        norms = np.sqrt(shared.diagonal())
        rows = np.repeat(np.arange(n_tracks), np.diff(shared.indptr))
        shared.data /= (norms[rows] * norms[shared.indices] + self.config.shrinkage).astype(np.float32)
        self.neighbours = largest(shared, self.config.neighbours)
        return self

    def scores(self, prefixes: Sessions) -> Floats:
        """See `NextTrack.scores`."""
        asked = recent(prefixes, self.neighbours.shape[0], self.config.decay)
        found = sp.csr_matrix(asked @ self.neighbours)
        return normalised(found - (1 - self.config.seen) * found.multiply(asked > 0))
