"""How much of what network and trees add to the start is believed: weights chosen on lists that neither learned from.

On two thousand lists both gain, and gain more together than either alone; of a few hundred they learn mostly the lists
themselves. So each is fitted without some lists, in turn, and weighted by how much likelier it makes what was heard there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainers.ranker.lists import Lists
from trainers.ranker.start import Told, fitted, successes

Floats = npt.NDArray[np.float32]
Marks = npt.NDArray[np.bool_]


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


def held_apart(lists: Lists, config: WeightsConfig, *, seed: int) -> list[Marks]:
    """Which lists (n,) each turn holds apart; no turn where hardly anybody liked anything."""
    useful = int(successes(lists).any(axis=1).sum())
    if useful < config.parts:
        return []
    turns = min(config.parts, -(-config.enough * config.parts // useful))
    part = np.random.default_rng(seed).permutation(len(lists.users)) % config.parts
    return [part == turn for turn in range(turns)]


def believed(
    added: Sequence[Sequence[Floats]], apart: Sequence[Marks], starts: Floats, lists: Lists, config: WeightsConfig
) -> list[float]:
    """The weight beside the start (n, c) of the lists of each model, by what it added (w, c) to the lists held `apart` in each
    turn; 0 for all where there was no turn."""
    if not apart:
        return [0.0] * len(added)
    success = successes(lists)
    parts = [
        Told(np.stack(of_turn, axis=2), starts[marks], success[marks], lists.retrieved[marks])
        for marks, *of_turn in zip(apart, *added, strict=True)
    ]
    names = ("numbers", "logits", "success", "listed")
    told = Told(*(np.concatenate([getattr(some, name) for some in parts]) for name in names))
    bounds = [(1.0, 1.0), *[(0.0, config.most)] * len(added)]
    return [config.share * float(weight) for weight in fitted(told, config.ridge, config.iterations, bounds)[1:]]
