"""At most two tracks by one artist."""

from __future__ import annotations

from serving.catalogue import Mask
from serving.policy.rule import Candidates, Removal, occurrence

MOST_PER_ARTIST = 2


class ArtistCap:
    name = "artist_cap"
    about_list = True

    def allowed(self, candidates: Candidates, /) -> Mask:
        return occurrence(candidates.catalogue.artist[candidates.rows], candidates.alive) < MOST_PER_ARTIST

    def reason(self, removal: Removal, /) -> str:
        return f"already {MOST_PER_ARTIST} tracks by {removal.catalogue.artist_name[removal.row] or 'this artist'}"
