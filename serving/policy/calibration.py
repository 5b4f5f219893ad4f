"""A discovery list keeps the shares of genres that its listener's own listening has.

Steck, Calibrated recommendations (RecSys 2018): a list is worth (1 - lambda) times the sum of its scores less lambda times
KL(p || q), where p is the listener's mix over genres and q the list's, smoothed with `SMOOTHING` of p (his equations 5 and
6, his alpha of 0.01). The greedy surrogate takes, at each step, the track that makes the list so far worth most. Taking a
track of genre g changes one term of the divergence, so all that is kept is a count per listener and genre.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from segue.compiled import compiled
from serving.policy.rule import Floats, Kept, Pool, Removal
from serving.tracks.catalogue import Catalogue, Mask, Rows

SMOOTHING = 0.01


class Calibration:
    name = "genre_share"

    def begin(self, pool: Pool, gain: Floats, _: Mask, /) -> Genres:
        known = pool.listeners.genres.shape[1] if len(pool.listeners.genres) else 0
        weighed = pool.weighs and pool.listeners.discovery and pool.policy.calibration > 0
        lists, candidates = pool.rows.shape if weighed and known else (len(pool.rows), 0)
        share = _mix(pool.listeners.genre_shares) if candidates else np.empty((lists, 0), dtype=np.float32)
        own = np.empty((lists, candidates), dtype=np.int32)
        if candidates:
            _place_genres(pool.of_track(pool.catalogue.genre_code), pool.listeners.genres, own)
        state = Genres(own, share, np.zeros_like(share), np.float32(pool.policy.calibration), gain)
        _begin(state)
        return state

    def kept_out(self, kept: Kept, /) -> Mask:
        """What is of a genre of which the list has its listener's share already."""
        genres, code = kept.listeners.genres, kept.catalogue.genre_code
        weighed = kept.likeness is not None and kept.listeners.discovery and kept.policy.calibration > 0
        if not (weighed and len(genres) and len(kept.listed)):
            return kept.nothing()
        own, has = (np.empty((1, len(rows)), dtype=np.int32) for rows in (kept.rows, kept.listed))
        for rows, place in ((kept.rows, own), (kept.listed, has)):
            _place_genres(code[rows][None], genres, place)
        share = _mix(kept.listeners.genre_shares)[0]
        full = (np.bincount(has[0], minlength=len(share)) >= len(kept.listed) * share) & share.any()
        return np.asarray(kept.by_rank & full[own[0]])

    def reason(self, removal: Removal, /) -> str:
        genre, code = removal.catalogue.genre[removal.row], removal.catalogue.genre_code[removal.row]
        if not genre:
            return "of no genre, and the list goes by the genres you hear"
        if code not in removal.listeners.genres[removal.who]:
            return "the list has its share of other genres than yours"
        return f"the list has its share of {genre} already"

    def moved_in(self, catalogue: Catalogue, row: int, /) -> str:
        genre = catalogue.genre[row]
        return f"keeps your share of {genre}" if genre else "keeps the shares of your genres"


class Genres(NamedTuple):
    """The genre of each candidate as a place in its listener's mix, `own` (n, c): the last but one is any other genre, the
    last none at all; the mix leaves to other genres what its own do not add up to. Beside it the `share` of each place in the
    mix and how many tracks of it the list `has` (n, g + 2), what the rule weighs, and its part of the account."""

    own: Rows
    share: Floats
    has: Floats
    weight: np.float32
    gain: Floats


@compiled
def _place_genres(genre: Rows, mine: Rows, own: Rows) -> None:
    """The place of each candidate's genre (n, c) among the genres of its listener's mix (n, g), where -1 is none."""
    known = mine.shape[1]
    for who in range(len(own)):
        for other in range(own.shape[1]):
            own[who, other] = known + 1 if genre[who, other] < 0 else known
            for place in range(known):
                if genre[who, other] >= 0 and mine[who, place] == genre[who, other]:
                    own[who, other] = place


@compiled
def took(state: Genres, who: int, place: int) -> None:
    """Count the genre of what is taken, and weigh all genres anew."""
    if len(state.own[who]):
        state.has[who, state.own[who, place]] += 1
        _weigh(state, who)


@compiled
def _begin(state: Genres) -> None:
    for who in range(len(state.own)):
        _weigh(state, who)


@compiled
def _weigh(state: Genres, who: int) -> None:
    """-lambda KL with the track less what is the same for all: p log(q with it / q without it) of its genre."""
    keep, smoothing, one = np.float32(1 - SMOOTHING), np.float32(SMOOTHING), np.float32(1)
    share, has, own, gain = state.share[who], state.has[who], state.own[who], state.gain[who]
    each = np.empty(len(share), dtype=np.float32)
    length = has.sum() + one
    for place in range(len(each)):
        floor = smoothing * share[place] * length  # q times the length of the list
        each[place] = np.float32(0)
        if share[place] > 0:
            ratio = (keep * (has[place] + one) + floor) / (keep * has[place] + floor)
            each[place] = state.weight * share[place] * np.log(ratio)
    for other in range(len(own)):
        gain[other] = each[own[other]]


def _mix(shares: Floats) -> npt.NDArray[np.float32]:
    """Shares (n, g + 2) that add up to one, or to nothing where nothing is known."""
    total = shares.sum(axis=1, keepdims=True)
    rest = np.where(total > 0, np.clip(1 - total, 0, 1), 0)
    mix = np.concatenate([shares, rest, np.zeros_like(rest)], axis=1).astype(np.float32)
    return mix / np.maximum(mix.sum(axis=1, keepdims=True), np.float32(1e-9))
