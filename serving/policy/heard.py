"""A discovery list has nothing the listener ever heard, another list nothing they heard within 60 days."""

from __future__ import annotations

from serving.policy.rule import Candidates, Removal, member, words
from serving.tracks.catalogue import Mask


class AlreadyHeard:
    name = "already_heard"

    def allowed(self, candidates: Candidates, /) -> Mask:
        return ~member(candidates.listeners.heard, candidates.rows, len(candidates.catalogue))

    def reason(self, removal: Removal, /) -> str:
        day = removal.listeners.heard_on[removal.who].get(removal.row) if removal.listeners.heard_on else None
        if day:
            return f"you already heard it on {words(day)}"
        return "you already heard it" if removal.listeners.discovery else "you heard it within 60 days"
