"""Everything that shapes a release beside its data, in one value that travels in the manifest."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from trainers.index import IndexConfig
from trainers.ranker.companions import CompanionConfig
from trainers.ranker.doubt import DoubtConfig
from trainers.ranker.network import BlendWeights
from trainers.ranker.ranking import RankerConfig
from trainers.ranker.reception import ReceptionConfig
from trainers.ranker.start import StartConfig
from trainers.ranker.trees import TreesConfig
from trainers.ranker.weights import WeightsConfig
from trainers.retriever.config import RetrieverConfig
from trainers.sessions.config import SessionConfig
from trainers.sessions.next_order import OrderConfig
from trainers.sessions.radio import RADIO


@dataclass(frozen=True)
class Hyperparameters:
    """One configuration per model. A small training set uses a smaller batch than it says, see `Retriever`."""

    retriever: RetrieverConfig = field(default_factory=RetrieverConfig)
    ranker: RankerConfig = field(default_factory=RankerConfig)
    trees: TreesConfig = field(default_factory=TreesConfig)
    start: StartConfig = field(default_factory=StartConfig)
    weights: WeightsConfig = field(default_factory=WeightsConfig)
    doubt: DoubtConfig = field(default_factory=DoubtConfig)
    companions: CompanionConfig = field(default_factory=CompanionConfig)
    reception: ReceptionConfig = field(default_factory=ReceptionConfig)
    blend: BlendWeights = field(default_factory=BlendWeights)
    index: IndexConfig = field(default_factory=IndexConfig)
    sessions: SessionConfig = RADIO
    order: OrderConfig = field(default_factory=OrderConfig)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
