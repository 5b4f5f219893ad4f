"""What a model must beat: popularity in the listener's territory, item neighbours, and matrix factorisation.

One algorithm per file, all behind `trainers.interactions.Recommender`.
"""
