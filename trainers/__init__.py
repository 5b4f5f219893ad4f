"""Models and what makes a release of them: training set, retriever, index, ranker, baselines, evaluation, gate."""

import os

# TensorFlow Recommenders 0.7.7 refuses Keras 3; this must be set before anything imports TensorFlow.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
