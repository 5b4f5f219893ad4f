"""Sequential rules: what followed the running session's tracks in other sessions, nearer successors counting more (Ludewig and
Jannach, 2018, "Evaluation of session-based recommendation algorithms", SR)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp

from trainers.baselines.session_knn import largest, recent
from trainers.interactions import Floats
from trainers.sessions.next_track import normalised
from trainers.sessions.session_lists import Sessions


@dataclass(frozen=True)
class SequentialRulesConfig:
    """`reach` is how many plays later a successor may come, with weight 1 / plays between; `shrinkage` successions are added
    to those of a track, so that one seen once says little; `decay` and `seen` are as in `SessionKnnConfig`."""

    reach: int = 5
    shrinkage: float = 2.0
    decay: float = 0.3
    seen: float = 0.5
    neighbours: int = 500


class SequentialRules:
    """Successors by counted successions."""

    def __init__(self, config: SequentialRulesConfig | None = None) -> None:
        self.config = config or SequentialRulesConfig()

    def fit(self, sessions: Sessions, n_tracks: int) -> Self:
        counts = sp.csr_matrix((n_tracks, n_tracks), dtype=np.float32)
        tracks, owners = sessions.tracks, sessions.owners
        for later in range(1, self.config.reach + 1):
            same = owners[later:] == owners[:-later]
            pairs = tracks[:-later][same], tracks[later:][same]
            weight = np.full(len(pairs[0]), 1.0 / later, np.float32)
            counts = counts + sp.csr_matrix((weight, pairs), shape=counts.shape)
        total = np.asarray(counts.sum(axis=1)).ravel() + self.config.shrinkage
        self.neighbours = largest(
            sp.csr_matrix(sp.diags(1.0 / np.maximum(total, 1e-9)) @ counts, dtype=np.float32), self.config.neighbours
        )
        return self

    def scores(self, prefixes: Sessions) -> Floats:
        """See `NextTrack.scores`."""
        asked = recent(prefixes, self.neighbours.shape[0], self.config.decay)
        found = sp.csr_matrix(asked @ self.neighbours)
        return normalised(found - (1 - self.config.seen) * found.multiply(asked > 0))
