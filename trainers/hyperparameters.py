"""Everything that shapes a release beside its data, in one value that travels in the manifest."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from trainers.companions import CompanionConfig
from trainers.index import IndexConfig
from trainers.next_order import OrderConfig
from trainers.radio import RADIO
from trainers.ranker import BlendWeights
from trainers.ranker_start import StartConfig
from trainers.ranker_weights import WeightsConfig
from trainers.ranking import RankerConfig
from trainers.retriever_config import RetrieverConfig
from trainers.sessions import SessionConfig
from trainers.trees import TreesConfig


@dataclass(frozen=True)
class Hyperparameters:
    """One configuration per model. A small training set uses a smaller batch than it says, see `Retriever`."""

    retriever: RetrieverConfig = field(default_factory=RetrieverConfig)
    ranker: RankerConfig = field(default_factory=RankerConfig)
    trees: TreesConfig = field(default_factory=TreesConfig)
    start: StartConfig = field(default_factory=StartConfig)
    weights: WeightsConfig = field(default_factory=WeightsConfig)
    companions: CompanionConfig = field(default_factory=CompanionConfig)
    blend: BlendWeights = field(default_factory=BlendWeights)
    index: IndexConfig = field(default_factory=IndexConfig)
    sessions: SessionConfig = RADIO
    order: OrderConfig = field(default_factory=OrderConfig)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
