"""Functions of numbers and arrays in machine code."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def compiled(function: Callable[Given, Answer], *, any_order: bool = False) -> Callable[Given, Answer]:
    """`function`, which Numba turns into machine code when it is first called with arguments of some types; other threads need
    not wait for it. What is made lies beside the bytecode of the module for the next process, where that can be written. Sums
    are added in the order they are written in, or in `any_order` that a processor is quick at."""

    @lru_cache(maxsize=1)
    def made() -> Callable[Given, Answer]:
        import numba

        options: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "contract"} if any_order else False}
        try:
            code: Callable[Given, Answer] = numba.njit(cache=True, **options)(function)
        except RuntimeError:  # nowhere to keep it
            code = numba.njit(**options)(function)
        return code

    @wraps(function)
    def called(*given: Given.args, **named: Given.kwargs) -> Answer:
        return made()(*given, **named)

    return called
