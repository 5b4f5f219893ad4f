"""At most so many tracks by one artist as the release's policy says, two by default."""

from __future__ import annotations

from serving.catalogue import Mask
from serving.policy.rule import Candidates, Removal, occurrence


class ArtistCap:
    name = "artist_cap"
    about_list = True

    def allowed(self, candidates: Candidates, /) -> Mask:
        return occurrence(candidates.catalogue.artist[candidates.rows], candidates.alive) < candidates.policy.artist_cap

    def reason(self, removal: Removal, /) -> str:
        cap = removal.policy.artist_cap
        artist = removal.catalogue.artist_name[removal.row] or "this artist"
        return f"already {cap} {'track' if cap == 1 else 'tracks'} by {artist}"
