"""Radio as a release serves it, beside the models of `segue bench next`: a narrower session model of fewer passes, kNNs and
rules that nobody tuned, and no more than the newest plays. The policy, which comes after it, is not in it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from trainers.interactions import Floats, Indices
from trainers.sessions.next_blend import SCORES_AT_ONCE
from trainers.sessions.next_order import OrderConfig
from trainers.sessions.next_track import ranks_of
from trainers.sessions.radio import NEWEST_PLAYS, RADIO, newest_of, radio_of
from trainers.sessions.session_lists import Sessions

RELEASED = "radio of a release"


class ReleasedRadio:
    """What `segue train` would put into a release that knows these sessions, oldest first, of tracks below `n_tracks`.

    Raises:
        SegueError: the training diverged.
    """

    def __init__(self, sessions: Sessions, n_tracks: int, *, seed: int) -> None:
        self.n_tracks, self.length = n_tracks, OrderConfig().length
        self.network, _ = radio_of(newest_of(sessions, NEWEST_PLAYS), n_tracks, RADIO, OrderConfig(), seed=seed)

    def places(self, prefixes: Sessions, answers: Indices) -> Indices:
        """The place (n,) from 1 of each answer (n,) of the prefixes."""
        return np.concatenate([ranks_of(scores, answers[where]) for where, scores in self._asked(prefixes)])

    def likeliest(self, prefixes: Sessions, fill: Floats, k: int) -> list[Indices]:
        """The k likeliest next tracks of each prefix, best first; `fill` (tracks,) is added to the probabilities."""
        found: list[Indices] = []
        for _, scores in self._asked(prefixes):
            found += list(tf.math.top_k(scores + fill, min(k, self.n_tracks)).indices.numpy())
        return found

    def _asked(self, prefixes: Sessions) -> Iterator[tuple[slice, Floats]]:
        """Some of the prefixes at a time: where they stand, and their probabilities (n, tracks), 0 without a network."""
        step = max(1, SCORES_AT_ONCE // self.n_tracks)
        for at in range(0, len(prefixes), step):
            some = prefixes.some(at, at + step)
            tracks = some.padded(self.length)
            nothing = np.zeros((len(some), self.n_tracks), np.float32)
            yield slice(at, at + len(some)), self.network.next(tf.constant(tracks)).numpy() if self.network else nothing
