"""The funnel (retrieve, rank, apply policy), the weekly batch that fills the playlist store with it, and the live service."""
