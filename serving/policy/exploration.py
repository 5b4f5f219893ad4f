"""The last slots of a list explore: they choose by Thompson sampling over what is not known of a listener's genres and of
artists, and every choice has a propensity that is exact, so that `segue evaluate` can say what another policy would have done.

A relative save rate, 1 for what is usual, has a Gamma posterior for each genre of a listener (of the tracks of it they heard,
how many they saved) and for each artist (plays and saves by anyone in 30 days), under a prior of one expected save: its
logarithm has mean psi(1 + saves) - log(1 + tries * usual) and variance psi'(1 + saves), and is drawn as a normal of these
moments. A track is worth its worth to the policy, plus `explore_weight` times the dial times the sum of its two draws.

Thompson sampling has no closed propensity, so a slot does not draw once. `DRAWS` posterior draws are fixed by (user, day,
release) before the choice, like a context; the slot then takes the winner of one of them, each as likely, or, with the
chance `explore_floor`, any open track of its pool alike. The propensity given the draws is thus a count, not an estimate.
The policy has its say throughout: a slot looks at open candidates only, at their worth at that step, and at nothing else.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, zeta

from segue.compiled import compiled
from serving.policy.dial import dials, exploring_slots
from serving.policy.rule import Floats, Listeners, Places, Pool
from serving.policy.tried import Tried
from serving.tracks.catalogue import NO_TRACK, Catalogue, Mask, Rows

DRAWS = 64
_TABLE = 4_096
"""Rows of normal draws; two arms of one listener share one by chance about once in this many pairs."""
_TABLE_SEED = 20_261_125
_USUAL = 0.05
"""The usual save rate where nobody saved anything yet."""
Words = npt.NDArray[np.uint64]


class Exploration:
    """The chooser of one pool: the best of what is open, but for the last slots of each list. `key` names the release."""

    def __init__(self, pool: Pool, key: str) -> None:
        self._pool, self._policy = pool, pool.policy
        self._dial = dials(pool.listeners, pool.policy.adventurousness)
        slots = exploring_slots(pool.listeners, pool.policy, pool.count)
        self.first = pool.count - slots
        self._seeds = _seeds(pool.listeners, key)
        lists, most = len(self._dial), int(slots.max(initial=0))
        width = min(pool.policy.explore_pool, pool.rows.shape[1])
        self._places = np.full((lists, width), -1, dtype=np.intp)
        self._mean, self._deviation, self._of_genre, self._newness = np.zeros((4, lists, width), dtype=np.float32)
        self._genre, self._artist = np.zeros((2, lists, width), dtype=np.int32)
        self._draws = np.zeros((lists, width, DRAWS), dtype=np.float32)
        self._took = np.full((lists, most), -1, dtype=np.int8)
        self._worth, self._propensity = np.zeros((2, lists, most, width), dtype=np.float32)
        self.of_step = np.ones((lists, pool.count), dtype=np.float32)
        """The propensity of what was taken at each step (n, count)."""
        self.explored = np.zeros(self.of_step.shape, dtype=bool)

    def choose(self, step: int, worth: Floats, open_: Mask, /) -> Places:
        place = worth.argmax(axis=1)
        begins = np.flatnonzero(self.first == step)
        if len(begins):
            self._look(begins, worth[begins], open_[begins])
        who = np.flatnonzero(self.first <= step)
        if len(who):
            self._explore(step, who, worth[who], open_[who], place)
        return place

    def tried(self) -> Tried:
        """What was looked at, when all is chosen."""
        rows = np.where(self._places >= 0, np.take_along_axis(self._pool.rows, np.maximum(self._places, 0), axis=1), NO_TRACK)
        believed = (self._mean, self._deviation, self._genre, self._artist, self._of_genre)
        tilt = np.zeros_like(self._dial) if self._pool.tilt is None else self._pool.tilt
        chosen = (self._took, self._worth, self._propensity)
        return Tried(rows.astype(np.int32), *believed, *chosen, self._dial, self._newness, tilt)

    def _look(self, who: Places, worth: Floats, open_: Mask) -> None:
        """The pools of lists that begin to explore, what is believed of them, and the draws."""
        width = self._places.shape[1]
        best = np.argsort(-worth, axis=1, kind="stable")[:, :width]
        self._places[who] = np.where(np.take_along_axis(open_, best, axis=1), best, -1)
        rows = np.take_along_axis(self._pool.rows[who], best, axis=1)
        genre, artist = self._pool.catalogue.genre_code[rows], self._pool.catalogue.artist[rows]
        by_genre = _of_genres(self._pool.listeners, who, self._pool.catalogue, genre)
        by_artist = _of_artists(self._pool.catalogue, artist)
        self._mean[who] = by_genre[0] + by_artist[0]
        self._deviation[who], self._of_genre[who] = np.hypot(by_genre[1], by_artist[1]), by_genre[1]
        self._genre[who], self._artist[who] = genre, artist
        if self._pool.newness is not None:
            self._newness[who] = np.take_along_axis(self._pool.newness[who], best, axis=1)
        scale = self._policy.explore_weight * self._dial[who]
        of_genre, of_artist = (_rows_of_normals(self._seeds[who, None], arms) for arms in (2 * genre + 2, 2 * artist + 1))
        draws = np.empty((len(who), width, DRAWS), dtype=np.float32)
        _draw(_table(), self._mean[who], by_genre[1], of_genre, by_artist[1], of_artist, scale, draws)
        self._draws[who] = draws

    def _explore(self, step: int, who: Places, worth: Floats, open_: Mask, place: Places) -> None:
        places = self._places[who]
        there = (places >= 0) & np.take_along_axis(open_, np.maximum(places, 0), axis=1)
        some = there.any(axis=1)
        if not some.any():
            return
        who, places, there = who[some], places[some], there[some]
        worth = np.where(there, np.take_along_axis(worth[some], np.maximum(places, 0), axis=1), -np.inf)
        propensity = propensities(worth, self._draws[who], there, self._policy.explore_floor)
        took = _taken(propensity, _uniform(self._seeds[who], step))
        at, slot = np.arange(len(who)), step - self.first[who]
        place[who] = places[at, took]
        self._took[who, slot] = took
        self._worth[who, slot], self._propensity[who, slot] = np.where(there, worth, 0), propensity
        self.of_step[who, step], self.explored[who, step] = propensity[at, took], True


def _of_genres(listeners: Listeners, who: Places, catalogue: Catalogue, genre: Rows) -> tuple[Floats, Floats]:
    """What the listeners `who` have saved of what they heard says of their candidates' genres (w, p)."""
    saved = _by_genre(listeners.saved, who, catalogue)
    heard = np.maximum(_by_genre(listeners.heard, who, catalogue), saved)
    usual = (saved.sum(axis=1, keepdims=True) + 1) / (heard.sum(axis=1, keepdims=True) + 1 / _USUAL)
    mean, deviation = posterior(heard, saved, usual)
    code = genre.astype(np.intp) % mean.shape[1]
    return np.take_along_axis(mean, code, axis=1), np.take_along_axis(deviation, code, axis=1)


def _of_artists(catalogue: Catalogue, artist: Rows) -> tuple[Floats, Floats]:
    """What everybody's plays and saves say of the candidates' artists (w, p)."""
    mean, deviation = _of_every_artist(catalogue)
    return mean[artist], deviation[artist]


@lru_cache(maxsize=1)  # one catalogue is served at a time, and an old one is not kept alive
def _of_every_artist(catalogue: Catalogue) -> tuple[Floats, Floats]:
    """The same of each artist there is (artists,)."""
    return posterior(*catalogue.saves_by_artist, np.float32(catalogue.usual_save_rate or _USUAL))


def posterior(tries: Floats, saves: Floats, usual: Floats | np.float32) -> tuple[Floats, Floats]:
    """Mean and deviation of the log of a relative rate: Gamma(1 + saves, 1 + tries * usual), whose log has the mean
    psi(shape) - log(rate) and the variance psi'(shape), which is Hurwitz' zeta(2, shape)."""
    mean = digamma(1 + saves) - np.log1p(tries * usual)
    return mean.astype(np.float32), np.sqrt(zeta(2, 1 + saves)).astype(np.float32)


def propensities(worth: Floats, draws: Floats, open_: Mask, floor: float) -> Floats:
    """The chance (n, p) that a slot takes each candidate: the share of the draws (n, p, m) it wins, mixed with `floor` of
    the even chance of all that are open."""
    won = np.zeros(worth.shape)
    _count_wins(worth.astype(np.float32), draws, won)
    won /= draws.shape[2]
    even = open_ / np.maximum(open_.sum(axis=1, keepdims=True), 1)
    return np.asarray((1 - floor) * won + floor * even, dtype=np.float32)


@compiled
def _count_wins(worth: Floats, draws: Floats, won: npt.NDArray[np.float64]) -> None:
    """Of how many draws (n, p, m) each candidate (n, p) is the best, the first of equals."""
    best = np.empty(draws.shape[2], dtype=np.float32)
    winner = np.empty(draws.shape[2], dtype=np.int32)
    for who in range(len(worth)):
        best[:], winner[:] = np.float32(-np.inf), 0
        for place in range(worth.shape[1]):
            level = worth[who, place]
            for draw in range(len(best)):
                value = level + draws[who, place, draw]
                if value > best[draw]:
                    best[draw], winner[draw] = value, place
        for draw in range(len(best)):
            won[who, winner[draw]] += 1


def _taken(propensity: Floats, at: npt.NDArray[np.float64]) -> Places:
    """The candidate (n,) at which the chances of a list pass the number `at`, from 0 to 1."""
    passed = propensity.cumsum(axis=1, dtype=np.float64)
    return (passed <= (at * passed[:, -1])[:, None]).sum(axis=1)


def _by_genre(tracks: list[npt.NDArray[np.int32]], who: Places, catalogue: Catalogue) -> Floats:
    """How many tracks of each genre (w, g + 1), the last of none."""
    width = len(catalogue.genres) + 1
    counts = np.zeros((len(who), width), dtype=np.float32)
    if tracks:
        for number, listener in enumerate(who):
            counts[number] = np.bincount(catalogue.genre_code[tracks[listener]] % width, minlength=width)
    return counts


def _seeds(listeners: Listeners, key: str) -> Words:
    """One number for each (user, day, release)."""
    said = f"\0{listeners.first.isoformat()}\0{key}"
    digests = b"".join(hashlib.blake2b(f"{user}{said}".encode(), digest_size=8).digest() for user in listeners.ids)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _mixed(value: Words) -> Words:
    """A number that tells nothing of `value` (the finaliser of splitmix64, Steele and others 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def _uniform(seeds: Words, step: int) -> npt.NDArray[np.float64]:
    """A number from 0 to 1 for each list and step, unlike any that chose the draws."""
    return np.asarray((_mixed(~_mixed(seeds) + np.uint64(step + 1)) >> np.uint64(11)) * 2.0**-53, dtype=np.float64)


def _rows_of_normals(seeds: Words, arms: Rows) -> Places:
    """The rows of `_table` (n, p) with the draws of arms (n, p): the same arm of a list has the same draws."""
    return (_mixed(seeds + _mixed(arms.astype(np.int64).astype(np.uint64))) % np.uint64(_TABLE)).astype(np.intp)


@compiled
def _draw(
    table: Floats, mean: Floats, genre: Floats, of_genre: Places, artist: Floats, of_artist: Places, scale: Floats, out: Floats
) -> None:
    """Posterior draws (n, p, `DRAWS`) of the sum of two normals with these deviations (n, p), times `scale` (n,)."""
    for who in range(len(mean)):
        for place in range(mean.shape[1]):
            first, second = table[of_genre[who, place]], table[of_artist[who, place]]
            for draw in range(len(first)):
                sum_ = genre[who, place] * first[draw] + artist[who, place] * second[draw]
                out[who, place, draw] = (sum_ + mean[who, place]) * scale[who]


@lru_cache(maxsize=1)
def _table() -> Floats:
    return np.random.default_rng(_TABLE_SEED).standard_normal((_TABLE, DRAWS), dtype=np.float32)
