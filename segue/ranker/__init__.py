"""The ranker of a release, opened: its SavedModel as it was trained, and the same in machine code. Here, because training
asks a release what serving asks it, and neither room imports the other.
"""
