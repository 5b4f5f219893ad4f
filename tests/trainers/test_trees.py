"""The ranker as trees does what the network does, and is refused where it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from ranker_suite import RankerSuite, catalogue, inputs, lists

from segue.errors import SegueError
from segue.ranker.opened import open_ranker
from segue.settings import get_settings
from trainers.hyperparameters import Hyperparameters
from trainers.ranker.lists import Lists
from trainers.ranker.trees import RankerTrees, TreeLists, TreesConfig
from trainers.train import chosen

FEW = TreesConfig(rounds=30, rate=0.2, leaves=8, fewest_rows=5, share_of_columns=1.0)


class TestTrees(RankerSuite):
    kind = "lambdarank"

    def fit(self, made: Lists) -> RankerTrees:
        return TreeLists(inputs(), made, catalogue(), FEW, seed=17).fitted()


def test_trees_that_cannot_learn_stop_with_a_sentence() -> None:
    with pytest.raises(SegueError, match="TreesConfig"):
        TreeLists(inputs(), lists(), catalogue(), TreesConfig(rounds=3, rate=float("nan"), fewest_rows=5), seed=17).fitted()


def test_a_release_with_a_ranker_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SegueError, match=r"network, lambdarank or both, received 'oracle'"):
        open_ranker(tmp_path, "oracle")


@pytest.mark.parametrize(("said", "kind"), [(None, "both"), ("lambdarank", "lambdarank")])
def test_the_setting_chooses_the_ranker(monkeypatch: pytest.MonkeyPatch, said: str | None, kind: str) -> None:
    if said:
        monkeypatch.setenv("SEGUE_RANKER", said)
    get_settings.cache_clear()
    assert chosen(Hyperparameters(), get_settings().ranker).ranker.kind == kind
    get_settings.cache_clear()
