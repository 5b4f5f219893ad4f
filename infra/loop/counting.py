"""What Segue is compared to: what is popular where a listener lives, and what is heard with what they hear.

Both learn from all of their own arm's log up to the week, give thirty tracks, and leave out what may not be played there all
week, explicit tracks for those who refuse them, what was heard or disliked: Segue's rules about single tracks.
"""

from __future__ import annotations

import warnings

import numpy as np

from infra.loop.log import Log
from infra.world.memory import NO_TRACK
from infra.world.simulation import DAYS_PER_WEEK, World
from infra.world.space import Flags, Floats, Ints
from segue.playlists import PLAYLIST_LENGTH

CHART_DAYS = 28
NEIGHBOURS = 200


def popularity(world: World, log: Log, number: int) -> Ints:
    """The chart of each listener's territory: what was heard to the end there most in four weeks."""
    return best_allowed(_charts(world, log, number), allowed(world, log, number))


def item_knn(world: World, log: Log, number: int) -> Ints:
    """Tracks by their summed cosine to what the listener heard to the end; the chart where that is silent."""
    from implicit.nearest_neighbours import CosineRecommender
    from implicit.utils import ParameterWarning

    history = log.completed().log1p()
    model = CosineRecommender(K=NEIGHBOURS, num_threads=1)
    with warnings.catch_warnings():  # implicit 0.7.3 hands itself another format than it expects, and says so each time
        warnings.simplefilter("ignore", ParameterWarning)
        model.fit(history, show_progress=False)
    scores = (history @ model.similarity).toarray()
    charts = _charts(world, log, number)
    filled = np.where(scores > 0, scores + 1, charts / max(float(charts.max()), 1.0))
    return best_allowed(filled, allowed(world, log, number))


def allowed(world: World, log: Log, number: int) -> Flags:
    """Which tracks each listener may be given for the week that begins on day `number` (users, tracks)."""
    tracks, population = world.catalogue.tracks, world.listeners.population
    last = number + DAYS_PER_WEEK - 1
    licensed = (tracks.licence_from <= number) & (last < tracks.licence_to)
    known = np.arange(len(tracks)) < world.catalogue.released[number - 1]
    refused = tracks.explicit & ~population.explicit_allowed[:, None]
    return licensed.T[population.territory] & known & ~refused & ~log.heard & ~log.disliked


def best_allowed(scores: Floats, may: Flags) -> Ints:
    """The best thirty (users, 30) of `scores` (users, tracks) among those that `may` be given; ties to the first track."""
    order = np.argsort(-np.where(may, scores, -np.inf), axis=1, kind="stable")[:, :PLAYLIST_LENGTH]
    return np.where(np.take_along_axis(may, order, axis=1), order, NO_TRACK).astype(np.int32)


def _charts(world: World, log: Log, number: int) -> Floats:
    """How often each track was heard to the end of late where each listener lives (users, tracks)."""
    counts, territory = log.completed(number - CHART_DAYS), world.listeners.population.territory
    local = [np.asarray(counts[territory == here].sum(axis=0)).ravel() for here in range(int(territory.max()) + 1)]
    return np.stack(local)[territory].astype(np.float32)
