"""How adventurous a list may be, and how many of its last slots explore by that."""

from __future__ import annotations

import numpy as np

from segue.playlists import PLAYLIST_LENGTH
from segue.policy import PolicySettings
from serving.policy.rule import Floats, Listeners, Places


def dials(listeners: Listeners, usual: float) -> Floats:
    """How adventurous each list may be (n,): as the listener set it, else `usual`; 0 where nobody said anything at all."""
    if not len(listeners.adventurousness):
        return np.zeros(len(listeners), dtype=np.float32)
    said = listeners.adventurousness
    return np.where(np.isnan(said), np.float32(usual), said).astype(np.float32)


def exploring_slots(listeners: Listeners, policy: PolicySettings, count: int) -> Places:
    """How many slots at the end of each list of `count` explore (n,), where it explores at all."""
    dial = dials(listeners, policy.adventurousness)
    slots = np.rint(2 * dial * policy.explore_slots * count / PLAYLIST_LENGTH).astype(np.intp)
    return np.minimum(slots, count)
