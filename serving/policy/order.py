"""The one order of the rules, and their application to a batch of lists. Batch, live and fallbacks all come through here.

Rules about single tracks first, then rules about the list: those that only close before those that weigh. A rule's number
is its place in `rules()`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from segue.compiled import compiled
from serving.policy import artist_cap, calibration, diversity, popularity_ceiling, small_artists, version_family
from serving.policy.artist_cap import ArtistCap
from serving.policy.calibration import Calibration
from serving.policy.disliked import NotDisliked
from serving.policy.disliked_artist import ArtistNotDisliked
from serving.policy.diversity import Diversity
from serving.policy.excluded import NotExcluded
from serving.policy.explicit import ExplicitAllowed
from serving.policy.heard import AlreadyHeard
from serving.policy.licence import Licensed
from serving.policy.popularity_ceiling import PopularityCeiling
from serving.policy.rule import Account, Candidates, Kept, Listeners, ListRule, Pool, Rule
from serving.policy.small_artists import SmallArtists
from serving.policy.version_family import OnePerFamily
from serving.tracks.catalogue import Catalogue, Mask, Rows

TRACK_RULES: tuple[Rule, ...] = (
    AlreadyHeard(),
    Licensed(),
    ExplicitAllowed(),
    NotDisliked(),
    ArtistNotDisliked(),
    NotExcluded(),
)
LIST_RULES: tuple[ListRule, ...] = (
    OnePerFamily(),
    ArtistCap(),
    PopularityCeiling(),
    Calibration(),
    Diversity(),
    SmallArtists(),
)
TOLD = sorted(range(len(LIST_RULES)), key=lambda number: isinstance(LIST_RULES[number], Calibration | Diversity))
"""The list rules in the order they are asked why a track is not there: the two that any other outweighs come last."""
KEPT, NOT_A_TRACK = -1, -2
States = tuple[Any, ...]
"""A named tuple for each of `LIST_RULES`."""


def rules() -> tuple[Rule | ListRule, ...]:
    """All rules in their order; a verdict is a place in it."""
    return (*TRACK_RULES, *LIST_RULES)


def removed_by(listeners: Listeners, catalogue: Catalogue, rows: Rows) -> npt.NDArray[np.int8]:
    """The number of the first rule about single tracks against each candidate (n, c); `KEPT` where there is none,
    `NOT_A_TRACK` where `rows` is negative."""
    verdict = np.where(rows < 0, NOT_A_TRACK, KEPT).astype(np.int8)
    if not len(catalogue):
        return np.full_like(verdict, NOT_A_TRACK)
    candidates = Candidates(listeners, catalogue, np.maximum(rows, 0))
    for number, rule in enumerate(TRACK_RULES):
        verdict[(verdict == KEPT) & ~rule.allowed(candidates)] = number
    return verdict


def allowed_alone(listeners: Listeners, catalogue: Catalogue, rows: Rows) -> Mask:
    """Which candidates (n, c) no rule about single tracks removes, whatever else is in the list."""
    alive = rows >= 0
    if not len(catalogue):
        return alive
    candidates = Candidates(listeners, catalogue, np.maximum(rows, 0))
    for rule in TRACK_RULES:
        alive &= rule.allowed(candidates)
    return alive


def kept_out(kept: Kept) -> npt.NDArray[np.int8]:
    """The number of the first list rule of `TOLD` by which each candidate (c,) has no place in the list that was kept; `KEPT`
    where none has a true word to say."""
    verdict = np.full(len(kept.rows), KEPT, dtype=np.int8)
    for number in TOLD:
        verdict[(verdict == KEPT) & LIST_RULES[number].kept_out(kept)] = len(TRACK_RULES) + number
    return verdict


def begin(pool: Pool) -> tuple[States, Account]:
    """The states of all list rules before anything is taken, and the account they keep."""
    account = Account.empty(len(LIST_RULES), pool.rows.shape)
    parts = zip(LIST_RULES, account.gain, account.closed, strict=True)
    states = tuple(rule.begin(pool, gain, closed) for rule, gain, closed in parts)
    if not pool.policy.small_artists:  # the last rule is off: nobody adds up its nothing at every step
        account = Account(account.gain[:-1], account.closed[:-1])
    return states, account


@compiled
def took(states: States, who: int, place: int) -> None:
    """List `who` has taken candidate `place`: every list rule brings its part of the account up to date. In the order of
    `LIST_RULES`, name by name: machine code has no list of functions."""
    version_family.took(states[0], who, place)
    artist_cap.took(states[1], who, place)
    popularity_ceiling.took(states[2], who, place)
    calibration.took(states[3], who, place)
    diversity.took(states[4], who, place)
    small_artists.took(states[5], who, place)
