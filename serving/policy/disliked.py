"""Never a track the listener disliked."""

from __future__ import annotations

from serving.policy.rule import Candidates, Removal, member
from serving.tracks.catalogue import Mask


class NotDisliked:
    name = "disliked"

    def allowed(self, candidates: Candidates, /) -> Mask:
        return ~member(candidates.listeners.disliked, candidates.rows, len(candidates.catalogue))

    def reason(self, _: Removal, /) -> str:
        return "you disliked it"
