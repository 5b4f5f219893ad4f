"""A small checkerboard platform with gold tables and a feature store, for the tests that train; import `checkerboard_home`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from gold_tables import AS_OF, Gold, write_gold

from infra.mart.feast_apply import apply_and_materialise
from segue.dates import Split, split_at
from segue.home import get_home
from segue.settings import get_settings
from trainers.hyperparameters import Hyperparameters
from trainers.ranker.ranking import RankerConfig
from trainers.retriever.config import RetrieverConfig
from trainers.sessions.config import SessionConfig

TINY = Hyperparameters(
    retriever=RetrieverConfig(dimensions=16, hidden=16, fewest_steps=80),
    ranker=RankerConfig(candidates=40, hidden=16, taste=4, lists=8, epochs=3),
    sessions=SessionConfig(passes=0),
)
SPLIT: Split = split_at(AS_OF, 7)


@dataclass(frozen=True)
class Board:
    root: Path
    gold: Gold


@pytest.fixture(scope="module")
def checkerboard_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """A home with the checkerboard's gold tables, served by Feast; one for all tests of a file."""
    root = tmp_path_factory.mktemp("checkerboard")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGUE_HOME", str(root))
        get_settings.cache_clear()
        gold = write_gold(get_home())
        apply_and_materialise(AS_OF)
        yield Board(root, gold)
    get_settings.cache_clear()
