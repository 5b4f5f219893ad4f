"""The one order of the rules, and their application to a batch of lists. Batch, live and fallbacks all come through here."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segue.policy import DEFAULT_POLICY, PolicySettings
from serving.catalogue import Catalogue, Mask, Rows
from serving.policy.artist_cap import ArtistCap
from serving.policy.disliked import NotDisliked
from serving.policy.excluded import NotExcluded
from serving.policy.explicit import ExplicitAllowed
from serving.policy.heard import AlreadyHeard
from serving.policy.licence import Licensed
from serving.policy.rule import Candidates, Listeners, Rule
from serving.policy.version_family import OnePerFamily

RULES: tuple[Rule, ...] = (
    AlreadyHeard(),
    Licensed(),
    ExplicitAllowed(),
    NotDisliked(),
    NotExcluded(),
    OnePerFamily(),
    ArtistCap(),
)
KEPT, NOT_A_TRACK = -1, -2
CAPPED = len(RULES) - 1
"""The number of the artist cap, the last rule."""


def removed_by(
    listeners: Listeners, catalogue: Catalogue, rows: Rows, policy: PolicySettings = DEFAULT_POLICY
) -> npt.NDArray[np.int8]:
    """The number in `RULES` of the first rule against each candidate (n, c), best first; `KEPT` where there is none,
    `NOT_A_TRACK` where `rows` is negative."""
    verdict = np.where(rows < 0, NOT_A_TRACK, KEPT).astype(np.int8)
    if not len(catalogue):
        return np.full_like(verdict, NOT_A_TRACK)
    looked_up = np.where(rows < 0, 0, rows)
    for number, rule in enumerate(RULES):
        alive = verdict == KEPT
        verdict[alive & ~rule.allowed(Candidates(listeners, catalogue, looked_up, alive, policy))] = number
    return verdict


def allowed_alone(listeners: Listeners, catalogue: Catalogue, rows: Rows, policy: PolicySettings = DEFAULT_POLICY) -> Mask:
    """Which candidates (n, c) no rule about single tracks removes, whatever else is in the list."""
    looked_up = np.where(rows < 0, 0, rows)
    alive = rows >= 0
    for rule in RULES:
        if not rule.about_list:
            alive &= rule.allowed(Candidates(listeners, catalogue, looked_up, alive, policy))
    return alive
