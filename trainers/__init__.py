"""Models and what makes a release of them: training set, retriever, index, ranker, baselines, evaluation, gate."""
