"""How many sessions the tracks at the end of a running one share with every other: what no probability says, whether a share
of a half is one session of two or fifty of a hundred."""

from __future__ import annotations

from typing import Self

import numpy as np
import scipy.sparse as sp

from trainers.baselines.session_knn import incidence
from trainers.interactions import Floats, Indices
from trainers.sessions.session_lists import Sessions

ENDS = 2
"""Tracks of a running session that are looked at, its last ones."""


class SharedSessions:
    """Counts of pairs; of one track with itself, its sessions."""

    def fit(self, sessions: Sessions, n_tracks: int) -> Self:
        """Count `sessions` of tracks below `n_tracks`."""
        heard = incidence(sessions, n_tracks)
        self.counts = sp.csr_matrix(heard.T @ heard, dtype=np.float32)
        return self

    def with_ends(self, tracks: Indices) -> list[Floats]:
        """`ENDS` times (n, n_tracks): the sessions shared with the last track of sessions (n, l), with the one before, and so
        on; 0 where there is none. `NOTHING` stands at the end of the shorter ones."""
        played = (tracks >= 0).sum(axis=1)
        found = []
        for back in range(1, ENDS + 1):
            there = played >= back
            ends = tracks[np.arange(len(tracks)), np.maximum(played - back, 0)]
            found.append(np.asarray(self.counts[np.where(there, ends, 0)].toarray() * there[:, None], np.float32))
        return found
