"""How new a track is to a listener, and what their dial makes of it: the further it goes the more what is new is worth to the
whole list, at a half as much as the policy has it, and towards 0 it may cost. It is a part of what a candidate is worth before
any rule, so the rules hold whatever the dial says, and nothing is asked of it while a list is chosen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from serving.policy.dial import dials
from serving.policy.rule import Floats, Listeners, Pool, member
from serving.tracks.catalogue import Catalogue, Rows


def tilted(pool: Pool) -> Pool:
    """The same with what is new worth more or less, as each listener's dial says; a radio goes on as its session does."""
    who = pool.listeners
    if not (pool.weighs and who.discovery and len(who.adventurousness) and pool.policy.minds_novelty):
        return pool
    new = newness(who, pool.catalogue, pool.rows)
    gain = pool.policy.tilt(dials(who, pool.policy.adventurousness))
    return replace(pool, value=pool.value + gain[:, None] * new, newness=new, tilt=gain)


def newness(listeners: Listeners, catalogue: Catalogue, rows: Rows) -> Floats:
    """From 0 to 1 for each candidate (n, c), where a negative row counts as the first: a third each for an artist they never
    heard, for a genre that is none of theirs, and for being played little, on the logarithm of the plays of 30 days."""
    at = np.maximum(rows, 0)
    heard: list[Rows] = [catalogue.artist[tracks] for tracks in listeners.heard]
    other_artist = ~member(heard, catalogue.artist.take(at), catalogue.artist_count)
    known = _plays_known(catalogue, at)
    return np.asarray((other_artist + _other_genre(listeners, catalogue.genre_code.take(at)) + (1 - known)) / 3, np.float32)


def _other_genre(listeners: Listeners, genre: Rows) -> Floats:
    """1 for a genre that the listener has none of; 0 throughout where nothing is known of their genres."""
    found = np.zeros(genre.shape, dtype=np.float32)
    if len(listeners.genres):
        other = (genre >= 0) & (listeners.genres >= 0).any(axis=1, keepdims=True)
        for mine in listeners.genres.T:
            other &= genre != mine[:, None]
        found[other] = 1
    return found


def _plays_known(catalogue: Catalogue, at: Rows) -> Floats:
    """How known tracks are, from 0 for one that nobody played to 1 for the one most played."""
    most = catalogue.log_plays.max(initial=0)
    return np.asarray(catalogue.log_plays.take(at) / max(most, np.float32(1e-6)), np.float32)
