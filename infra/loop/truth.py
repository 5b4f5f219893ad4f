"""The lists of who knows everybody's tastes: how far any list could go, and how the same rule wears out even so.

Each week everybody gets the thirty tracks they like best of those they have not heard. No recommender can do better by a
listener in one week; that such lists, too, are skipped more from week to week says what the rule alone costs, that nothing
heard comes again.
"""

from __future__ import annotations

import numpy as np

from infra.loop.counting import allowed, best_allowed
from infra.loop.log import Log
from infra.world.day import likeness
from infra.world.simulation import World
from infra.world.space import Ints


def best_by_truth(world: World, log: Log, number: int) -> Ints:
    """The tracks (users, 30) each listener likes best, of what they may be given on day `number`."""
    day = world.as_on(number)
    tracks = np.arange(len(world.catalogue.tracks), dtype=np.int32)
    liked = [likeness(day, np.full(len(tracks), user), tracks) for user in range(len(world.listeners.population))]
    return best_allowed(np.stack(liked), allowed(world, log, number))
