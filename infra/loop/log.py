"""The listening of one arm as it grows, as arrays: what the counting arms learn from, and what the measures look back at.

It holds what honest listeners really did. Segue learns from its landed log instead, with its bots and its dirt, and so has
the harder part.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from infra.world.judgement import COMPLETE, Plays
from infra.world.simulation import World
from infra.world.space import Flags, Ints


class Log:
    """What everybody has heard so far."""

    def __init__(self, world: World) -> None:
        self._world = world
        users, tracks = len(world.listeners.population), len(world.catalogue.tracks)
        self.heard = np.zeros((users, tracks), bool)
        self.disliked = np.zeros((users, tracks), bool)
        self._days: list[tuple[int, Ints, Ints]] = []

    def add(self, number: int, plays: Plays) -> None:
        """The plays of day `number`, once it is over."""
        honest = ~self._world.listeners.population.bot[plays.user]
        user, track = plays.user[honest], plays.track[honest]
        self.heard[user, track] = True
        self.disliked[user[plays.disliked[honest]], track[plays.disliked[honest]]] = True
        complete = plays.outcome[honest] == COMPLETE
        self._days.append((number, user[complete], track[complete]))

    def completed(self, since: int = 0) -> sp.csr_matrix:
        """How often each listener heard each track to the end (users, tracks), from day `since` on."""
        days = [(user, track) for number, user, track in self._days if number >= since]
        user, track = (np.concatenate([part[side] for part in days] or [np.zeros(0, np.int32)]) for side in (0, 1))
        counts = sp.coo_matrix((np.ones(len(user), np.float32), (user, track)), shape=self.heard.shape)
        return counts.tocsr()

    def artists(self) -> Flags:
        """Whether each listener has heard each artist (users, artists)."""
        artist = self._world.catalogue.tracks.artist
        user, track = np.nonzero(self.heard)
        known = np.zeros((len(self.heard), int(artist.max()) + 1), bool)
        known[user, artist[track]] = True
        return known
