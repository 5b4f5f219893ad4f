"""What is compiled gives what it gave before, and where nothing can be kept it is compiled all the same."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from segue.compiled import compiled
from segue.prefetch import prefetch

NOWHERE = """
def doubled(values):
    for place in range(len(values)):
        values[place] *= 2
"""


@compiled
def running_sum(values: Any, out: Any) -> int:
    total = np.float32(0)
    for place in range(len(values)):
        total += values[place]
        out[place] = total
    return len(values)


def test_a_compiled_function_gives_to_the_last_bit_what_it_gives_uncompiled() -> None:
    values = np.random.default_rng(1).standard_normal(1_000).astype(np.float32)
    answers = np.empty((2, 1_000), dtype=np.float32)
    plain: Callable[..., int] = running_sum.__wrapped__  # type: ignore[attr-defined]
    assert running_sum(values, answers[0]) == plain(values, answers[1]) == 1_000
    assert np.array_equal(*answers)


def test_a_function_whose_code_can_be_kept_nowhere_is_compiled_for_this_process() -> None:
    space: dict[str, Any] = {}
    exec(NOWHERE, space)  # noqa: S102 - from no file, so that Numba has no place beside it
    values = np.arange(3.0)
    compiled(space["doubled"])(values)
    assert values.tolist() == [0.0, 2.0, 4.0]


def test_what_cannot_be_compiled_says_so() -> None:
    with pytest.raises(Exception, match="undefined_name"):
        compiled(lambda: undefined_name)()  # type: ignore[name-defined] # noqa: F821


@compiled
def read_ahead(table: Any, places: Any) -> Any:
    total = np.float32(0)
    for place in range(len(places)):
        prefetch(table, places[place], table.shape[1] - 1)
        total += table[places[place], 0]
    return total


def test_what_is_brought_near_before_it_is_read_is_asked_of_the_processor_and_changes_nothing() -> None:
    table, places = np.arange(12, dtype=np.float32).reshape(4, 3), np.array([3, 0, 3], np.int32)
    plain: Callable[..., Any] = read_ahead.__wrapped__  # type: ignore[attr-defined]
    for layout in (table, table[:, ::2], np.asfortranarray(table)):
        assert read_ahead(layout, places) == plain(layout, places) == 18
    anew = numba.njit(plain)  # what was kept cannot be looked into
    anew(table, places)
    assert re.search(r"\b(prefetch|prfm)", "".join(anew.inspect_asm().values()))  # as either kind of processor has it


CALLED = """
from segue.compiled import compiled
BY = {by}

@compiled
def step(value):
    return value + BY
"""
CALLING = """
import called
from segue.compiled import compiled

@compiled
def steps(value):
    return called.step(called.step(value))
"""
READING = """
from called import BY
from segue.compiled import compiled

@compiled
def steps(value):
    return value + 2 * BY
"""


@pytest.mark.parametrize("written", [CALLING, READING])
def test_what_is_kept_is_made_again_when_another_file_it_has_something_of_has_changed(
    written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "calling.py").write_text(written)
    assert answers_of_another_process(tmp_path, by=1) == [2, 2]
    assert answers_of_another_process(tmp_path, by=10) == [20, 20]


def answers_of_another_process(folder: Path, *, by: int) -> list[int]:
    """What `steps` gives for 0 when both modules are imported afresh, twice with the same files: made, and then kept."""
    (folder / "called.py").write_text(CALLED.format(by=by))
    answers = []
    for _ in range(2):
        importlib.invalidate_caches()
        answers.append(importlib.import_module("calling").steps(0))
        for name in ("called", "calling"):
            del sys.modules[name]
    return answers
