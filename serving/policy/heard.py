"""A discovery list has nothing the listener already heard."""

from __future__ import annotations

from serving.catalogue import Mask
from serving.policy.rule import Candidates, Removal, member


class AlreadyHeard:
    name = "already_heard"
    about_list = False

    def allowed(self, candidates: Candidates, /) -> Mask:
        return ~member(candidates.listeners.heard, candidates.rows, len(candidates.catalogue))

    def reason(self, removal: Removal, /) -> str:
        day = removal.listeners.heard_on[removal.who].get(removal.row) if removal.listeners.heard_on else None
        return f"you already heard it on {day.day} {day:%b %Y}" if day else "you already heard it"
