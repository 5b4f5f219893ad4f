"""The weights of a network under the names by which a release's ranker is read in machine code (`segue.ranker.quick`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from segue.ranker.crosses import Layout
from segue.ranker.network import Layers
from segue.ranker.placing import Memory
from segue.ranker.quick import FORM
from trainers.ranker.inputs import Tensors
from trainers.ranker.track_rows import TrackRows

if TYPE_CHECKING:
    from trainers.ranker.network import RankerNetwork


def arrays_of(network: RankerNetwork, layout: TrackRows, *, user_numbers: int = 0, trees: Any = 0.0) -> Tensors:
    """Variables by name, which a SavedModel keeps as they are. `trees` is their weight, and they look at so many numbers of a
    user."""
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
        "trees": trees,
        "save": network.weights.save,
        "early_skip": network.weights.early_skip,
    }
    memory = Memory(
        factors=inputs.fold_in.factors,
        gram=inputs.fold_in.gram,
        received=inputs.received,
        usual=inputs.usual,
        fading=inputs.fading,
        confidence=np.float32(inputs.fold_in.confidence),
        ridge=np.float32(inputs.ridge),
    )
    floats = {name: _kept(value, tf.float32) for name, value in (layers._asdict() | numbers | memory._asdict()).items()}
    return floats | {"layout": _kept(_places(layout, user_numbers), tf.int32), "form": _kept(FORM, tf.float32)}


def _kept(value: Any, kind: tf.DType) -> tf.Variable:
    """What is a variable as it is, so that a release has it once, anything else, which is small, as one of its own."""
    return value if isinstance(value, tf.Variable) else tf.Variable(value, trainable=False, dtype=kind)


def _stacked(weights: Sequence[tf.Variable], shape: tuple[int, ...]) -> tf.Tensor:
    """Weights of one shape, in one tensor, of which there may be none."""
    return tf.stack(weights) if weights else tf.zeros((0, *shape))


def _places(layout: TrackRows, user_numbers: int) -> Layout:
    """Where the kernel finds what is narrow of a track."""
    widths = [width or 1 for width in layout.widths.values()]
    begins = dict(zip(layout.widths, np.cumsum([0, *widths[:-1]]).tolist(), strict=True))
    codes = {name: place for place, name in enumerate(layout.codes)}
    there = begins | codes | {"numbers": begins.get("numbers", -1), "user_numbers": user_numbers}
    return Layout(**{name: there[name] for name in Layout._fields})
