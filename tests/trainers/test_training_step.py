"""The step that trains the retriever does what a plain one does: the same loss, gradients and tables, from less work."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from plain_examples import UNHIDDEN, examples_of, new_retriever
from plain_step import allowed_scores, plain_loss, plain_softmax

from trainers.benches import training as bench_training
from trainers.benches.synthetic_log import synthetic_examples, synthetic_pairs
from trainers.examples import Examples
from trainers.interactions import Interactions
from trainers.layers.batch_softmax import batch_softmax, may_be_negative
from trainers.layers.heard import HeardPairs
from trainers.layers.weighted_mean import weighted_mean
from trainers.retriever.encoding import encode_examples
from trainers.retriever.ids_only import heard_in
from trainers.retriever.model import Retriever

USERS, TRACKS, BATCH = 40, 30, 128
SETTLED = replace(UNHIDDEN, batch=BATCH, fewest_steps=1)
CLOSE = {"rtol": 2e-4, "atol": 2e-6}


def _batch() -> tuple[Retriever, dict[str, Any]]:
    """A retriever without dropout, and a batch in which users and tracks come more than once and have heard each other."""
    tf.keras.utils.set_random_seed(17)
    retriever = bench_training.new_retriever(USERS, TRACKS, SETTLED)
    examples = synthetic_examples(USERS, TRACKS, 300, seed=17)
    retriever.adapt(examples)
    data, _ = retriever.ready(examples, synthetic_pairs(USERS, TRACKS, 200, seed=17), seed=17)
    retriever.track_tower.track_table.assign(tf.random.normal((TRACKS + 2, 16)))
    return retriever, next(iter(data))


def _dense(gradient: Any) -> np.ndarray:
    return np.asarray(tf.convert_to_tensor(gradient))


def test_the_loss_and_every_gradient_are_those_of_the_plain_form() -> None:
    retriever, inputs = _batch()
    with tf.GradientTape(persistent=True) as tape:
        ours, plain = retriever.compute_loss(inputs, training=True), plain_loss(retriever, inputs)
    np.testing.assert_allclose(ours, plain, rtol=1e-5)
    variables = retriever.trainable_variables
    for variable, *gradients in zip(variables, *(tape.gradient(loss, variables) for loss in (ours, plain)), strict=True):
        np.testing.assert_allclose(*map(_dense, gradients), err_msg=variable.name, **CLOSE)


def test_a_step_moves_the_tables_as_keras_adagrad_does_whose_rows_may_repeat() -> None:
    retriever, inputs = _batch()
    plain = tf.keras.optimizers.legacy.Adagrad(SETTLED.table_rate, initial_accumulator_value=SETTLED.table_start)
    tables = [v for v in retriever.trainable_variables if "embedding" in v.name]
    copies = [tf.Variable(table, name="copy") for table in tables]
    with tf.GradientTape() as tape:
        loss = plain_loss(retriever, inputs)
    plain.apply_gradients(zip(tape.gradient(loss, tables), copies, strict=True))
    retriever.train_step(inputs)
    for table, copy in zip(tables, copies, strict=True):
        # Where a row's gradient is nearly nothing, Adagrad makes a whole step of its rounding.
        assert np.mean(np.abs(table.numpy() - copy.numpy()) < 1e-3) > 0.98, table.name


def test_a_table_whose_repeated_rows_were_taken_one_by_one_would_move_otherwise() -> None:
    table = tf.Variable([[1.0]], name="track_embedding")
    twice = tf.IndexedSlices(tf.constant([[1.0], [1.0]]), tf.constant([0, 0]), tf.constant([1, 1]))
    moved = []
    for distinct in ((), ("track_embedding",)):
        optimizer = Retriever(SETTLED, _nobody()).table_optimizer
        optimizer.distinct = distinct
        table.assign([[1.0]])
        optimizer.apply_gradients([(twice, table)])
        moved.append(float(table[0, 0]))
    np.testing.assert_allclose(moved, [0.9, 0.9 - 0.1 / 2**0.5], rtol=1e-5)


def _nobody() -> Any:
    from trainers.retriever.model import Vocabularies

    return Vocabularies([], [], [], [], [])


@pytest.mark.parametrize(("logs", "temperature"), [(True, 0.1), (False, 0.1), (True, 0.02)])
def test_the_softmax_is_that_of_the_tfrs_task(logs: bool, temperature: float) -> None:
    rng = np.random.default_rng(3)
    query, candidates = (tf.math.l2_normalize(tf.constant(rng.normal(size=(n, 8)), tf.float32), axis=1) for n in (12, 20))
    users, tracks = (tf.constant(rng.integers(2, 10, n), tf.int32) for n in (12, 20))
    heard = HeardPairs(*(rng.integers(2, 10, 15).astype(np.int32) for _ in range(2)), 10, 10)
    weight = tf.constant(rng.random(12), tf.float32)
    probability = tf.constant(np.log(rng.uniform(1e-8, 0.5, 20)), tf.float32) if logs else None
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([query, candidates])
        negative = may_be_negative(users, tracks, heard)
        ours = tf.reduce_sum(weight * batch_softmax(query, candidates, negative, probability, temperature=temperature))
        allowed = allowed_scores(users, tracks, heard)
        plain = plain_softmax(query, candidates, allowed, probability, weight, temperature)
    np.testing.assert_allclose(ours, plain, rtol=1e-5)
    for tensor in (query, candidates):
        np.testing.assert_allclose(tape.gradient(ours, tensor), tape.gradient(plain, tensor), rtol=1e-3, atol=1e-4)


def test_the_same_track_again_is_no_negative_where_nothing_was_heard_either() -> None:
    negative = may_be_negative(tf.constant([2, 3]), tf.constant([5, 6, 5, 7]), None)
    assert negative.numpy().tolist() == [[0, 1, 0, 1], [1, 0, 1, 1]]


def test_a_mean_of_rows_is_the_same_from_a_table_and_from_what_stands_in_for_it() -> None:
    table = tf.Variable(tf.random.normal((9, 4)))
    ids, weights = tf.constant([[0, 2, 2, 1], [3, 8, 0, 0], [0, 0, 0, 0]]), tf.Variable([0.5, 1.0, 2.0, 1.0])
    with tf.GradientTape(persistent=True) as tape:
        own, stand_in = (tf.reduce_sum(weighted_mean(t, ids, weights) ** 2) for t in (table, tf.identity(table)))
    np.testing.assert_allclose(own, stand_in, rtol=1e-6)
    for variable in (table, weights):
        np.testing.assert_allclose(
            _dense(tape.gradient(own, variable)), _dense(tape.gradient(stand_in, variable)), rtol=1e-5, atol=1e-6
        )


def _ids_alone(*, hour: int = -1) -> Examples:
    rng = np.random.default_rng(1)
    users, tracks = rng.integers(20, size=200), rng.integers(15, size=200)
    examples = examples_of(Interactions(users, tracks, np.ones(200, np.float32), 20, 15))
    return replace(examples, hour_of_day=np.where(np.arange(200) == 7, hour, -1))


def test_a_log_of_ids_alone_runs_the_network_over_one_row_and_has_the_loss_it_had() -> None:
    retriever, examples = new_retriever(20, 15, SETTLED), _ids_alone()
    retriever.adapt(examples)
    listens = Interactions(examples.user_row, examples.track_row, examples.weight, 20, 15)
    data, _ = retriever.ready(examples, heard_in(listens), seed=17)
    inputs = next(iter(data))
    assert inputs["users"]["recent"].shape[0] == inputs["tracks"]["vectors"].shape[0] == 1
    repeated = {
        part: {
            name: tf.repeat(values, len(inputs[part][id_name]), axis=0) if values.shape[0] == 1 else values
            for name, values in inputs[part].items()
        }
        for part, id_name in (("users", "user"), ("tracks", "track"))
    }
    with tf.GradientTape(persistent=True) as tape:
        once, each = (retriever.compute_loss(some, training=True) for some in (inputs, inputs | repeated))
    np.testing.assert_allclose(once, each, rtol=1e-5)
    variables = retriever.trainable_variables
    for variable, *gradients in zip(variables, *(tape.gradient(loss, variables) for loss in (once, each)), strict=True):
        np.testing.assert_allclose(*map(_dense, gradients), err_msg=variable.name, **CLOSE)


def test_one_listen_with_a_moment_is_enough_to_tell_rows_apart() -> None:
    retriever = new_retriever(20, 15, SETTLED)
    encoded = [
        encode_examples(examples, retriever.query_tower, retriever.track_tower, counted=100, random_share=0.25)
        for examples in (_ids_alone(), _ids_alone(hour=5))
    ]
    assert [len(some.users["recent"]) for some in encoded] == [1, 20]
    assert ["hour" in some.order for some in encoded] == [False, True]
