"""The ranker of a release, opened: its SavedModel as it was trained, and the same in machine code."""
