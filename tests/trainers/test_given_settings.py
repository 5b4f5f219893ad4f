"""`--config` of a bench: a JSON object of settings it has, within their bounds."""

from __future__ import annotations

import re
from typing import Any

import pytest

from segue.errors import SegueError
from trainers.benches.given_settings import with_settings
from trainers.benches.ids_only_settings import IdsOnlyConfig
from trainers.benches.next_track import NextConfig


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("{", "received {"),
        ("[1]", "received"),
        ("no-such-file.json", "received no-such-file.json"),
        ('{"no_such": 1}', "no setting no_such"),
        ('{"batch": "many"}', "batch 'many'"),
        ('{"batch": 0}', "batch 0 .*greater than or equal to 1"),
        ('{"log_q": 1}', "log_q 1"),
        ('{"dimensions": true}', "dimensions True"),
        ('{"table_optimizer": "foo"}', "table_optimizer 'foo' .*'adagrad' or 'adam'"),
        ('{"temperature": 0}', "temperature 0"),
        ('{"id_dropout": 1.5}', "id_dropout 1.5"),
        ('{"popularity_exponent": NaN}', "popularity_exponent nan"),
    ],
)
def test_settings_that_are_none_are_refused(config: str, sentence: str) -> None:
    with pytest.raises(SegueError, match="--config as a JSON object") as refused:
        with_settings(IdsOnlyConfig(), config)
    assert re.search(sentence, str(refused.value))


def test_settings_within_their_bounds_are_taken() -> None:
    assert with_settings(IdsOnlyConfig(), '{"temperature": 1, "table_optimizer": "adagrad"}').temperature == 1.0
    assert with_settings(IdsOnlyConfig(), None) == IdsOnlyConfig()


@pytest.mark.parametrize("config", [NextConfig(), IdsOnlyConfig()], ids=["next", "retrieval"])
def test_no_setting_that_a_bench_takes_is_without_bounds(config: Any) -> None:
    numbers = {name: value for name, value in vars(config).items() if type(value) in (int, float)}
    assert len(numbers) > 10
    for name, value in numbers.items():
        for wrong in ("-1", "NaN", "Infinity") if isinstance(value, float) else ("-1",):
            with pytest.raises(SegueError, match=name):
                with_settings(config, f'{{"{name}": {wrong}}}')
        assert with_settings(config, f'{{"{name}": {value}}}') == config
