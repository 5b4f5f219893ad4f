"""One recording of a song per list: the original, the remaster and the live version are one family."""

from __future__ import annotations

from serving.catalogue import Mask
from serving.policy.rule import Candidates, Removal, occurrence


class OnePerFamily:
    name = "version_family"
    about_list = True

    def allowed(self, candidates: Candidates, /) -> Mask:
        return occurrence(candidates.catalogue.family[candidates.rows], candidates.alive) == 0

    def reason(self, _: Removal, /) -> str:
        return "another version of it ranks higher"
