"""What `segue bench retrieval` uses when it is told nothing else; infra/decisions/0008 has how it was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from trainers.baselines.ials import IalsConfig
from trainers.baselines.item_knn import ItemKnnConfig
from trainers.retriever.config import Count, NotNegative, Positive, RetrieverConfig, Share

MANY_PAIRS = 300_000


@dataclass(frozen=True)
class IdsOnlyConfig(RetrieverConfig):
    """The retriever's settings where there are only ids, and how its vectors become scores.

    `popularity_exponent` lengthens each track vector by its number of listeners to that power: the logQ correction takes
    popularity out of the scores altogether, and a little of it belongs there. The validation part chooses it, asked every
    `evaluate_every` passes; without one it is as it stands here.
    """

    temperature: Positive = 0.15
    batch: Count = 2048
    smallest_batch: Count = 16
    random_negatives: NotNegative = 0.0
    table_rate: Positive = 2e-3
    context_dropout: Share = 0.0
    id_dropout: Share = 0.0
    cold_dropout: Share = 0.0
    shuffled_at_once: Count = 10_000_000
    passes: Count = 24
    smoothing_rounds: Annotated[int, Field(ge=0)] = 2
    spectral_start: bool = True
    table_optimizer: Literal["adagrad", "adam"] = "adam"
    popularity_exponent: NotNegative = 0.05
    evaluate_every: Count = 2


@dataclass(frozen=True)
class Measured:
    """Settings of all three models that were best on the validation part of one public split."""

    retriever: IdsOnlyConfig
    ials: IalsConfig
    item_knn: ItemKnnConfig


FEW = Measured(
    IdsOnlyConfig(),
    IalsConfig(alpha=14.4, regularization=50.0, half_life_days=None),
    ItemKnnConfig(neighbours=2_000, shrinkage=30.0),
)
"""Last.fm-2k's."""

MANY = Measured(
    IdsOnlyConfig(
        temperature=0.1,
        table_rate=3e-3,
        batch=1024,
        batches_per_step=8,
        passes=5,
        evaluate_every=1,
    ),
    IalsConfig(alpha=40.0, regularization=10.0, half_life_days=None),
    ItemKnnConfig(neighbours=500, shrinkage=10.0),
)
"""Gowalla's, for `MANY_PAIRS` and more."""


def measured_for(pairs: int) -> Measured:
    """The settings of the public split that is nearer to a log of so many pairs."""
    return MANY if pairs >= MANY_PAIRS else FEW
