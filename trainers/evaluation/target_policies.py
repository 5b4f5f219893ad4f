"""Policies whose saves are estimated from logged slots, each as the chances (`off_policy.Target`) it gives their candidates.

A policy of settings does in a slot what `serving/policy/exploration.py` does there: it looks at the logged candidates, with
their logged worth and belief, and draws by its dial, weight and floor; what its dial makes of what is new stands where the
logged one's stood. What it is asked for is the chance over all draws,
where a served slot has that over the draws it was given. Neither the ranker nor the rules are asked again: worth is what they
made of a candidate when the list was made.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segue.policy import DEFAULT_POLICY, PolicySettings
from trainers.evaluation.off_policy import Floats, Slots, Target

DRAWS, _SEED = 64, 17
"""Draws a slot: as many as a served one has, each slot its own, so that their errors do not add up over the slots."""
_NO_TILT = 1e-6
"""Less than the last digit of a tilt in the log."""
LOGGED, THIS_RELEASE, GIVEN, DIAL_AT_1 = "as logged", "this release", "--policy", "dial at 1"


def as_logged(slots: Slots) -> Floats:
    """The policy that made the lists."""
    return slots.propensity


def best_ranked(slots: Slots) -> Floats:
    """No exploration: the candidate that is worth most to the ranker and the rules."""
    return _worth_most(slots, slots.worth)


def _worth_most(slots: Slots, worth: Floats) -> Floats:
    return _all_on(np.where(slots.open, worth, -np.inf).argmax(axis=1), slots)


def any_alike(slots: Slots) -> Floats:
    """Any open candidate of the pool, each as likely."""
    return slots.open / slots.open.sum(axis=1, keepdims=True)


def most_believed(slots: Slots) -> Floats:
    """The candidate whose genre and artist are believed to be saved most; the ranker is not asked."""
    return _all_on(np.where(slots.open, slots.mean, -np.inf).argmax(axis=1), slots)


def choosing(policy: PolicySettings, dial: float | None = None) -> Target:
    """What a release with this `policy` does in a slot; each list has its logged dial, or all have this one. It cannot
    be asked where it makes more or less of what is new than the list did and the log does not say what that is."""

    def target(slots: Slots) -> Floats:
        dials = slots.dial if dial is None else np.full(len(slots), dial)
        open_ = slots.open & (np.arange(slots.worth.shape[1]) < policy.explore_pool)  # the first are those worth most
        open_ = np.where(open_.any(axis=1, keepdims=True), open_, slots.open)
        more: Floats = policy.tilt(dials) - slots.tilt
        unknown = np.asarray(np.isnan(slots.newness).any(axis=1), dtype=np.bool_)
        worth: Floats = slots.worth + more[:, None] * np.where(unknown[:, None], 0, slots.newness)
        won = _shares_won(slots, worth, open_, dials * policy.explore_weight)
        even = open_ / open_.sum(axis=1, keepdims=True)
        explores = np.rint(2 * dials * policy.explore_slots) > 0
        mixed = (1 - policy.explore_floor) * won + policy.explore_floor * even
        chance = np.where(explores[:, None], mixed, _worth_most(slots, worth))
        chance[unknown & (np.abs(more) > _NO_TILT)] = np.nan
        return chance

    return target


def targets_of(release: PolicySettings, given: PolicySettings | None = None) -> dict[str, Target]:
    """The policies a report tells of, with a release's own settings and with others that were `given`. Settings that name a
    dial are asked with that dial for every list: the log does not say who had set theirs."""
    found = TARGETS | {THIS_RELEASE: choosing(release), DIAL_AT_1: choosing(release, 1.0)}
    if given is not None:
        named = "adventurousness" in given.model_fields_set
        found[GIVEN] = choosing(given, given.adventurousness if named else None)
    return found


def _shares_won(slots: Slots, worth: Floats, open_: npt.NDArray[np.bool_], scale: Floats) -> Floats:
    """Of `DRAWS` the share (s, p) that each candidate wins, by its `worth` and `scale` (s,) times what is drawn of its genre
    and of its artist: one draw for all candidates that have them in common."""
    rng, at = np.random.default_rng(_SEED), np.arange(len(slots))
    genre, artist = _first_alike(slots.genre), _first_alike(slots.artist)
    of_artist = np.sqrt(np.maximum(slots.deviation**2 - slots.of_genre**2, 0))
    base, won = np.where(open_, worth + scale[:, None] * slots.mean, -np.inf), np.zeros_like(slots.worth)
    for _ in range(DRAWS):
        by_genre, by_artist = rng.standard_normal((2, *won.shape))
        drawn = slots.of_genre * np.take_along_axis(by_genre, genre, axis=1)
        drawn += of_artist * np.take_along_axis(by_artist, artist, axis=1)
        won[at, (base + scale[:, None] * drawn).argmax(axis=1)] += 1 / DRAWS
    return won


def _first_alike(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each candidate (s, p) the first of its slot with the same code."""
    first = np.zeros_like(codes)
    for place in range(codes.shape[1]):
        first[:, place] = (codes == codes[:, [place]]).argmax(axis=1)
    return first


def _all_on(chosen: npt.NDArray[np.int64], slots: Slots) -> Floats:
    chance = np.zeros_like(slots.propensity)
    chance[np.arange(len(slots)), chosen] = 1
    return chance


TARGETS: dict[str, Target] = {
    LOGGED: as_logged,
    "best ranked": best_ranked,
    "any alike": any_alike,
    "most believed": most_believed,
    DIAL_AT_1: choosing(DEFAULT_POLICY, 1.0),
}
"""The policies that every report tells of."""
