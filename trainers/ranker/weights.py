"""How much of what network and trees add to the start is believed: weights chosen on lists that neither learned from.

On two thousand lists both gain, and gain more together than either alone; of a few hundred they learn mostly the lists
themselves. So each is fitted without some lists, in turn, and weighted by how much likelier it makes what was heard there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainers.ranker.lists import Lists
from trainers.ranker.start import Told, fitted, successes

Floats = npt.NDArray[np.float32]
Marks = npt.NDArray[np.bool_]
Adds = Callable[[Marks], Floats]
"""Learns from the lists (n,) that are not marked; what it adds (w, c) to the start of those that are."""


@dataclass(frozen=True)
class WeightsConfig:
    """A share of `1 / parts` of the lists is held apart at a time, as often as it takes for `enough` lists with a success.

    `ridge` draws the weights towards nothing, as if that many squared logits of evidence said so; `most` is the largest. Of
    what the lists ask for, `share` is taken: they are of the days that the retriever had not learned when it made them, and
    when it answers it has.
    """

    parts: int = 3
    enough: int = 250
    ridge: float = 10.0
    most: float = 2.0
    share: float = 0.5
    iterations: int = 50


def believed(models: Sequence[Adds], starts: Floats, lists: Lists, config: WeightsConfig, *, seed: int) -> list[float]:
    """The weight of each of `models` beside the start (n, c) of the lists; 0 for all where nobody liked anything."""
    success = successes(lists)
    useful = int(success.any(axis=1).sum())
    if useful < config.parts:
        return [0.0] * len(models)
    turns = min(config.parts, -(-config.enough * config.parts // useful))
    part = np.random.default_rng(seed).permutation(len(starts)) % config.parts
    parts = []
    for turn in range(turns):
        apart = part == turn
        added = np.stack([model(apart) for model in models], axis=2)
        parts.append(Told(added, starts[apart], success[apart], lists.retrieved[apart]))
    names = ("numbers", "logits", "success", "listed")
    told = Told(*(np.concatenate([getattr(some, name) for some in parts]) for name in names))
    bounds = [(1.0, 1.0), *[(0.0, config.most)] * len(models)]
    return [config.share * float(weight) for weight in fitted(told, config.ridge, config.iterations, bounds)[1:]]
