"""A process of its own for `test_distributed`: trains a small retriever, alone or as the worker that TF_CONFIG says it is.

Usage: `python one_worker.py OUT` writes the losses of the passes and some vectors to OUT, an .npz file.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import tensorflow as tf
from plain_examples import UNHIDDEN

from trainers.benches.synthetic_log import synthetic_examples, synthetic_pairs
from trainers.benches.training import new_retriever
from trainers.inputs import arrays, constants
from trainers.retriever.retrieval import vectors_of
from trainers.retriever.workers import workers

USERS, TRACKS = 60, 40
COUNT = 640
WHOLE = replace(UNHIDDEN, batch=COUNT, smallest_batch=COUNT, random_negatives=2 / COUNT, fewest_steps=8)
"""Every example in every batch, because workers shuffle differently than one process does; and nothing hidden by chance, which
each worker would draw for its own share."""

with workers().scope():
    tf.keras.utils.set_random_seed(17)
    retriever = new_retriever(USERS, TRACKS, WHOLE)
examples = synthetic_examples(USERS, TRACKS, COUNT, seed=17)
examples = replace(examples, random_rows=np.zeros_like(examples.random_rows))  # whoever draws, draws the same track
retriever.adapt(examples)
with workers().scope():
    for tower, frame in ((retriever.query_tower, examples.users), (retriever.track_tower, examples.tracks)):
        tower(constants(arrays(frame[:1], tower.INPUTS)))  # which makes the weights of its network
chance = np.random.default_rng(17)
for variable in retriever.trainable_variables:
    if "recency" not in variable.name and "mix" not in variable.name:
        variable.assign(chance.normal(scale=0.1, size=variable.shape))  # the same start, wherever it is
start = vectors_of(retriever.track, examples.tracks)
losses = retriever.fit_examples(examples, synthetic_pairs(USERS, TRACKS, 200, seed=17), seed=17)
np.savez(
    sys.argv[1],
    losses=losses,
    start=start,
    users=vectors_of(retriever.query, examples.users),
    tracks=vectors_of(retriever.track, examples.tracks),
)
