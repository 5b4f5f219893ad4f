"""Never a track by an artist the listener disliked."""

from __future__ import annotations

from serving.policy.rule import Candidates, Removal, member
from serving.tracks.catalogue import Mask


class ArtistNotDisliked:
    name = "disliked_artist"

    def allowed(self, candidates: Candidates, /) -> Mask:
        catalogue, disliked = candidates.catalogue, candidates.listeners.disliked_artists
        if not any(map(len, disliked)):
            return candidates.rows >= 0
        return ~member(disliked, catalogue.artist.take(candidates.rows), catalogue.artist_count)

    def reason(self, removal: Removal, /) -> str:
        return f"you disliked {removal.catalogue.artist_name[removal.row] or 'its artist'}"
