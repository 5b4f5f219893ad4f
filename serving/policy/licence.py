"""A track must be licensed in the listener's territory on every day the list lives."""

from __future__ import annotations

from datetime import date

import numpy as np

from serving.catalogue import Mask
from serving.policy.rule import Candidates, Removal


class Licensed:
    name = "licence"
    about_list = False

    def allowed(self, candidates: Candidates, /) -> Mask:
        places = {place: number for number, place in enumerate(dict.fromkeys(candidates.listeners.territory))}
        playable = np.stack(
            [candidates.catalogue.playable(place, candidates.listeners.first, candidates.listeners.last) for place in places]
        )
        return playable[np.array([places[place] for place in candidates.listeners.territory])[:, None], candidates.rows]

    def reason(self, removal: Removal, /) -> str:
        place = removal.listeners.territory[removal.who]
        if place is None:
            return "not licensed everywhere, and your territory is unknown"
        windows = removal.catalogue.licences
        mine = (windows.row == removal.row) & (windows.territory == place)
        first = np.datetime64(removal.listeners.first)
        open_now = windows.valid_to[mine & (windows.valid_from <= first) & (windows.valid_to > first)]
        if open_now.size:
            return f"its licence in {place} ends on {_words(open_now.max().item())}"
        later = windows.valid_from[mine & (windows.valid_from > first)]
        if later.size:
            return f"not licensed in {place} until {_words(later.min().item())}"
        gone = windows.valid_to[mine & (windows.valid_to <= first)]
        return f"no longer licensed in {place} since {_words(gone.max().item())}" if gone.size else f"not licensed in {place}"


def _words(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
