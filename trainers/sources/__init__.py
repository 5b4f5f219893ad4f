"""Vectors of tracks from other sources than listening counts: playlists, sound, the artist's catalogue."""
