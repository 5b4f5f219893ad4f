"""The weights of a network under the names by which a release's ranker is read in machine code (`segue.ranker.quick`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from segue.ranker.common import Layout
from segue.ranker.network import Layers
from trainers.ranker.inputs import Tensors
from trainers.ranker.track_rows import TrackRows

if TYPE_CHECKING:
    from trainers.ranker.network import RankerNetwork


def arrays_of(network: RankerNetwork, layout: TrackRows, user_numbers: int, weight_of_trees: float) -> Tensors:
    """Variables by name, which a SavedModel keeps as they are. Trees look at so many numbers of a user, and count so much."""
    inputs, crosses = network.inputs, network.crosses
    hidden = network.middle.kernel.shape[0]
    layers = Layers(
        common=network.common_part.kernel,
        down=_stacked([cross.down.kernel for cross in crosses], (hidden, network.cross_rank)),
        up=_stacked([cross.up.kernel for cross in crosses], (network.cross_rank, hidden)),
        up_bias=_stacked([cross.up.bias for cross in crosses], (hidden,)),
        middle=network.middle.kernel,
        middle_bias=network.middle.bias,
        heads=network.heads.kernel,
        heads_bias=network.heads.bias,
    )
    numbers = {
        "scale": inputs.scale,
        "trust": inputs.trust,
        "common_start": inputs.common_start,
        "weight": network.weight,
        "level": network.level,
        "trees": weight_of_trees,
        "save": network.weights.save,
        "early_skip": network.weights.early_skip,
    }
    floats = {name: tf.constant(value, tf.float32) for name, value in (layers._asdict() | numbers).items()}
    places = tf.constant(_places(layout, user_numbers), tf.int32)
    return {name: tf.Variable(value, trainable=False, name=name) for name, value in (floats | {"layout": places}).items()}


def _stacked(weights: Sequence[tf.Variable], shape: tuple[int, ...]) -> tf.Tensor:
    """Weights of one shape, in one tensor, of which there may be none."""
    return tf.stack(weights) if weights else tf.zeros((0, *shape))


def _places(layout: TrackRows, user_numbers: int) -> Layout:
    """Where the kernel finds what is narrow of a track."""
    widths = [width or 1 for width in layout.widths.values()]
    begins = dict(zip(layout.widths, np.cumsum([0, *widths[:-1]]).tolist(), strict=True))
    codes = {name: place for place, name in enumerate(layout.codes)}
    there = {name: begins.get(name, codes.get(name, -1)) for name in Layout._fields}
    return Layout(**there | {"user_numbers": user_numbers})
