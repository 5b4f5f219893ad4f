"""Nothing the caller asked to leave out of this list."""

from __future__ import annotations

from serving.policy.rule import Candidates, Removal, member
from serving.tracks.catalogue import Mask


class NotExcluded:
    name = "excluded"

    def allowed(self, candidates: Candidates, /) -> Mask:
        return ~member(candidates.listeners.excluded, candidates.rows, len(candidates.catalogue))

    def reason(self, _: Removal, /) -> str:
        return "the request left it out"
