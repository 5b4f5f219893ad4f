"""Session neighbours: the next track is one of the sessions most like the running one (Jannach and Ludewig, 2017, "When
recurrent neural networks meet the neighborhood for session-based recommendation"; the weights of recent plays are those of
Ludewig and Jannach, 2018, V-SKNN)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp

from trainers.interactions import Floats, Indices
from trainers.sessions.next_track import normalised
from trainers.sessions.session_lists import Sessions

AT_ONCE = 2_000


@dataclass(frozen=True)
class SessionKnnConfig:
    """How sessions are compared; chosen on the last sessions before the carve-out of #nowplaying.

    Args:
        neighbours: how many of the most similar sessions answer.
        decay: weight of a play of the running session over that of the play after it; 0 for 1 / (1 + plays since).
        idf: exponent of log(sessions / sessions with the track), the weight of a shared track.
        norm: exponent of a neighbour's number of tracks that its similarity is divided by; 0.5 is the cosine.
        half_life: sessions after which one counts half; None for all alike.
        seen: factor on tracks that are in the running session already.
    """

    neighbours: int = 100
    decay: float = 0.0
    idf: float = 1.0
    norm: float = 0.5
    half_life: float | None = None
    seen: float = 0.3


class SessionKnn:
    """Session neighbours over sparse matrices of sessions and tracks."""

    def __init__(self, config: SessionKnnConfig | None = None) -> None:
        self.config = config or SessionKnnConfig()

    def fit(self, sessions: Sessions, n_tracks: int) -> Self:
        self.sessions = incidence(sessions, n_tracks)
        count = max(len(sessions), 1)
        heard = np.asarray(self.sessions.sum(axis=0)).ravel()
        informative = np.log((1 + count) / np.maximum(heard, 1)) ** self.config.idf
        worth = np.maximum(np.asarray(self.sessions.sum(axis=1)).ravel(), 1) ** -self.config.norm
        if self.config.half_life is not None:
            worth *= 0.5 ** ((count - 1 - np.arange(len(sessions))) / self.config.half_life)
        weighted = sp.diags(worth) @ self.sessions @ sp.diags(informative)
        self.by_track = sp.csr_matrix(weighted.T, dtype=np.float32)
        return self

    def scores(self, prefixes: Sessions) -> Floats:
        """See `NextTrack.scores`."""
        asked = recent(prefixes, self.sessions.shape[1], self.config.decay)
        parts = [self._of(asked[at : at + AT_ONCE]) for at in range(0, asked.shape[0], AT_ONCE)]
        return normalised(sp.vstack(parts, format="csr")) if parts else np.empty((0, self.sessions.shape[1]), np.float32)

    def _of(self, asked: sp.csr_matrix) -> sp.csr_matrix:
        found = largest(asked @ self.by_track, self.config.neighbours) @ self.sessions
        return found - (1 - self.config.seen) * found.multiply(asked > 0)


def incidence(sessions: Sessions, n_tracks: int) -> sp.csr_matrix:
    """(sessions, n_tracks) float32: 1 where a session has the track."""
    shape = (len(sessions), n_tracks)
    matrix = sp.csr_matrix((np.ones(len(sessions.tracks), np.float32), (sessions.owners, sessions.tracks)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def recent(prefixes: Sessions, n_tracks: int, decay: float) -> sp.csr_matrix:
    """(prefixes, n_tracks) float32, the weight of the last play of each track: see `SessionKnnConfig.decay`. Tracks without
    a number are passed over."""
    ends = np.repeat(prefixes.starts[1:], prefixes.lengths)
    since = ends - 1 - np.arange(len(prefixes.tracks))
    weight = decay**since if decay else 1.0 / (1.0 + since)
    known = (prefixes.tracks >= 0) & (prefixes.tracks < n_tracks) & _last_of_its_track(prefixes)
    places = prefixes.owners[known], prefixes.tracks[known]
    return sp.csr_matrix((weight[known], places), shape=(len(prefixes), n_tracks), dtype=np.float32)


def _last_of_its_track(prefixes: Sessions) -> Indices:
    order = np.lexsort((np.arange(len(prefixes.tracks)), prefixes.tracks, prefixes.owners))
    owner, track = prefixes.owners[order], prefixes.tracks[order]
    last = np.ones(len(order), bool)
    last[order[:-1]] = (owner[1:] != owner[:-1]) | (track[1:] != track[:-1])
    return last


def largest(matrix: sp.csr_matrix, count: int) -> sp.csr_matrix:
    """`matrix` with the `count` largest entries of each row; of equal ones the later column, which is the later session."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((-matrix.indices, -matrix.data, rows))
    rank = np.arange(len(order)) - matrix.indptr[rows[order]]
    kept = order[rank < count]
    return sp.csr_matrix((matrix.data[kept], (rows[kept], matrix.indices[kept])), shape=matrix.shape)
