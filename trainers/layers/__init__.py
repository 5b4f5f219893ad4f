"""Layers saved inside the models: every vocabulary, normalisation and cross that a feature passes through."""
