"""No explicit track for an account that does not want them."""

from __future__ import annotations

from serving.catalogue import Mask
from serving.policy.rule import Candidates, Removal


class ExplicitAllowed:
    name = "explicit"
    about_list = False

    def allowed(self, candidates: Candidates, /) -> Mask:
        return candidates.listeners.explicit_allowed[:, None] | ~candidates.catalogue.explicit[candidates.rows]

    def reason(self, _: Removal, /) -> str:
        return "explicit, and your account leaves explicit tracks out"
