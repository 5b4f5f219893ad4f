"""A track must be licensed in the listener's territory on every day the list lives."""

from __future__ import annotations

import numpy as np

from serving.policy.rule import Candidates, Removal, words
from serving.tracks.catalogue import Mask


class Licensed:
    name = "licence"

    def allowed(self, candidates: Candidates, /) -> Mask:
        listeners, fine = candidates.listeners, np.empty(candidates.rows.shape, dtype=bool)
        people: dict[str | None, list[int]] = {}
        for who, territory in enumerate(listeners.territory):
            people.setdefault(territory, []).append(who)
        for place, there in people.items():
            playable = candidates.catalogue.playable(place, listeners.first, listeners.last)
            if len(people) == 1:
                return playable.take(candidates.rows)
            fine[there] = playable.take(candidates.rows[there])
        return fine

    def reason(self, removal: Removal, /) -> str:
        place = removal.listeners.territory[removal.who]
        if place is None:
            return "not licensed everywhere, and your territory is unknown"
        windows = removal.catalogue.licences
        mine = (windows.row == removal.row) & (windows.territory == place)
        first = np.datetime64(removal.listeners.first)
        open_now = windows.valid_to[mine & (windows.valid_from <= first) & (windows.valid_to > first)]
        if open_now.size:
            return f"its licence in {place} ends on {words(open_now.max().item())}"
        later = windows.valid_from[mine & (windows.valid_from > first)]
        if later.size:
            return f"not licensed in {place} until {words(later.min().item())}"
        gone = windows.valid_to[mine & (windows.valid_to <= first)]
        return f"no longer licensed in {place} since {words(gone.max().item())}" if gone.size else f"not licensed in {place}"
