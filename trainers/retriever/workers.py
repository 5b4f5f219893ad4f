"""Several machines at one training: `tf.distribute.MultiWorkerMirroredStrategy`, as `TF_CONFIG` in the environment names them.

Each worker reads the same gold tables and makes the same batches, trains on its share of every batch, and has a copy of every
table; gradients are summed, those of tables as the rows they touch. The softmax of a batch is over the tracks of all workers,
so that the loss is the one that a single worker has with the same batch. Worker 0 seals the release.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from typing import Any

import tensorflow as tf

from segue.errors import SegueError


@lru_cache(maxsize=1)
def workers() -> tf.distribute.Strategy:
    """The strategy `TF_CONFIG` asks for, by itself of one machine; TensorFlow allows it only before its first operation.

    Raises:
        SegueError: `TF_CONFIG` is not as TensorFlow describes it.
    """
    text = os.environ.get("TF_CONFIG", "")
    if not text.strip():
        return tf.distribute.get_strategy()
    try:
        asked = json.loads(text)
        addresses = list(asked["cluster"]["worker"])
        place = (asked["task"]["type"], 0 <= int(asked["task"]["index"]) < len(addresses))
    except (ValueError, KeyError, TypeError):
        place = ("", False)
    if place != ("worker", True):
        example = '{"cluster": {"worker": ["host1:9000", "host2:9000"]}, "task": {"type": "worker", "index": 0}}'
        raise SegueError(
            expected=f"TF_CONFIG like {example}", received=text[:120], mend="list every worker's address, or unset it"
        )
    if len(addresses) == 1:
        return tf.distribute.get_strategy()
    options = tf.distribute.experimental.CommunicationOptions(
        implementation=tf.distribute.experimental.CommunicationImplementation.RING
    )
    return tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)


def worker_number() -> int:
    """Which of the workers this process is, from 0; 0 where there is only one."""
    resolver = workers().cluster_resolver
    return int(resolver.task_id or 0) if resolver is not None else 0


def how_many() -> int:
    """Workers that share the batch, asked inside a training step."""
    return int(tf.distribute.get_replica_context().num_replicas_in_sync)


def total(value: tf.Tensor) -> tf.Tensor:
    """The sum of all workers' `value`; no gradient goes through it."""
    context: Any = tf.distribute.get_replica_context()
    value = tf.stop_gradient(value)
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value) if context.num_replicas_in_sync > 1 else value


def everyones(own: tf.Tensor, positives: tf.Tensor) -> tf.Tensor:
    """The candidates of all workers: this one's first `positives`, as `own` has them, then the others', then all drawn evenly.

    Args:
        own: a row per candidate of this worker (b + r, ...), positives first.

    Returns:
        (workers * (b + r), ...); the gradient of a row goes back to the worker it came from, summed over all.
    """
    context: Any = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return own
    listens, drawn = (context.all_gather(part, axis=0) for part in (own[:positives], own[positives:]))
    return tf.concat([tf.roll(listens, -context.replica_id_in_sync_group * positives, axis=0), drawn], axis=0)
