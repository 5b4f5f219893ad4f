"""Never a track the listener disliked."""

from __future__ import annotations

from serving.catalogue import Mask
from serving.policy.rule import Candidates, Removal, member


class NotDisliked:
    name = "disliked"

    def allowed(self, candidates: Candidates, /) -> Mask:
        return ~member(candidates.listeners.disliked, candidates.rows, len(candidates.catalogue))

    def reason(self, _: Removal, /) -> str:
        return "you disliked it"
