"""Landing: raw events as received, append-only, by day; one file per source."""
