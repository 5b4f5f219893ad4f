"""The numbers that a release's vocabularies give to names: 0 for a missing one, 1 for one it does not know, then its own."""

MISSING, UNKNOWN, FIRST_KNOWN = 0, 1, 2
