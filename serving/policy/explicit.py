"""No explicit track for an account that does not want them."""

from __future__ import annotations

import numpy as np

from serving.policy.rule import Candidates, Removal
from serving.tracks.catalogue import Mask


class ExplicitAllowed:
    name = "explicit"

    def allowed(self, candidates: Candidates, /) -> Mask:
        if candidates.listeners.explicit_allowed.all():
            return candidates.rows >= 0
        fine = np.ones(candidates.rows.shape, dtype=bool)
        without = ~candidates.listeners.explicit_allowed
        fine[without] = ~candidates.catalogue.explicit.take(candidates.rows[without])
        return fine

    def reason(self, _: Removal, /) -> str:
        return "explicit, and your account leaves explicit tracks out"
