"""The id tables of the two towers, and their smoothing over who heard what.

Training moves the tables as they are; what the loss, the evaluation and the release see is their smoothed form. `settle` puts
that in their place when training ends, and `resume` takes it out again before it goes on.
"""

from __future__ import annotations

import tensorflow as tf

from trainers.layers.heard import HeardPairs
from trainers.layers.neighbourhood import Neighbourhood, pairs_matrix, spectral_start

SPECTRAL_SIZE = 0.1
"""Root mean square of an id table that begins at the singular vectors: large enough to matter, small enough to move."""


class IdTables:
    """`users` (n_users, d) and `tracks` (n_tracks, d), with a neighbourhood once they have met one."""

    def __init__(self, users: tf.Variable, tracks: tf.Variable) -> None:
        self.own = users, tracks
        self.neighbourhood: Neighbourhood | None = None
        self._before: tuple[tf.Tensor, tf.Tensor] | None = None

    def used(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Both tables as they are used: smoothed, when there is a neighbourhood."""
        return self.neighbourhood(*self.own) if self.neighbourhood and not self._before else self.own

    def meet(self, heard: HeardPairs, *, rounds: int, receiver: float, sender: float) -> None:
        """Smooth over the pairs `heard` from now on."""
        sizes = [int(table.shape[0]) for table in self.own]
        self.neighbourhood = Neighbourhood(*heard.pairs, *sizes, rounds=rounds, receiver=receiver, sender=sender)

    def begin_at_spectrum(self, heard: HeardPairs, *, seed: int) -> None:
        """Begin at the leading singular vectors of who heard what."""
        sizes = [int(table.shape[0]) for table in self.own]
        starts = spectral_start(pairs_matrix(*heard.pairs, *sizes), int(self.own[0].shape[1]), seed=seed)
        for table, start in zip(self.own, starts, strict=True):
            table.assign(SPECTRAL_SIZE * start)

    def settle(self) -> None:
        """Put the smoothed tables in place of the towers' own, so that whoever embeds or saves has them."""
        if self.neighbourhood:
            self._before, smoothed = tuple(map(tf.identity, self.own)), self.used()
            _assign(self.own, smoothed)

    def resume(self) -> None:
        """Take the smoothed tables out again, to go on training."""
        if self._before:
            _assign(self.own, self._before)
            self._before = None


def _assign(tables: tuple[tf.Variable, tf.Variable], values: tuple[tf.Tensor, tf.Tensor]) -> None:
    for table, value in zip(tables, values, strict=True):
        table.assign(value)
