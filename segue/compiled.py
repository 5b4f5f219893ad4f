"""Functions of numbers and arrays in machine code."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from functools import cached_property, update_wrapper
from numbers import Number
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


class Compiled(Generic[Given, Answer]):
    """A function that Numba turns into machine code when it is first called with arguments of some types; other threads need
    not wait for it. Another compiled function may call it. What is made lies beside the bytecode of the module for the next
    process, where that can be written."""

    __wrapped__: Callable[Given, Answer]

    def __init__(self, function: Callable[Given, Answer], *, any_order: bool = False) -> None:
        update_wrapper(self, function)
        self._fastmath = {"reassoc", "contract"} if any_order else False

    def __call__(self, *given: Given.args, **named: Given.kwargs) -> Answer:
        return self._code(*given, **named)

    @cached_property
    def _code(self) -> Callable[Given, Answer]:
        import numba

        function: Any = self.__wrapped__
        options: dict[str, Any] = {"nogil": True, "fastmath": self._fastmath}
        if self._called or self._read:
            function.__qualname__ = f"{vars(self)['__qualname__']}_{self._stamp}"  # Numba names what it keeps by this
        try:
            code: Callable[Given, Answer] = numba.njit(cache=True, **options)(function)
        except RuntimeError:  # nowhere to keep it
            code = numba.njit(**options)(function)
        return code

    @property
    def _numba_type_(self) -> Any:
        """What Numba takes this for where another compiled function names it."""
        import numba

        return numba.types.Dispatcher(self._code)

    @cached_property
    def _called(self) -> list[Compiled[Any, Any]]:
        """The compiled functions that this one names, global ones or in a module that is; none of them may call it back."""
        function: Any = self.__wrapped__
        named = [function.__globals__.get(name) for name in function.__code__.co_names]
        inside = [getattr(thing, name, None) for thing in named for name in function.__code__.co_names]
        return [thing for thing in [*named, *inside] if isinstance(thing, Compiled) and thing is not self]

    @property
    def _read(self) -> list[Any]:
        """What else goes into the code: constants, which may be of another file, and when those files were written that say
        how a name in here is to be compiled."""
        function: Any = self.__wrapped__
        named = {name: function.__globals__.get(name) for name in function.__code__.co_names}
        constants = [(name, repr(of)) for name, of in named.items() if isinstance(of, Number | str | tuple)]
        others = [of for of in named.values() if hasattr(type(of), "_numba_type_") and not isinstance(of, Compiled)]
        return [*constants, *(_written(inspect.getfile(type(of))) for of in others)]

    @cached_property
    def _stamp(self) -> str:
        """Another one whenever a file changes that this one or what it calls is written in. What is kept has the code of what
        it calls inside, and Numba looks at the one file only."""
        function: Any = self.__wrapped__
        said = [_written(function.__code__.co_filename), *(other._stamp for other in self._called), *self._read]
        return hashlib.blake2b(repr(said).encode(), digest_size=6).hexdigest()


def compiled(function: Callable[Given, Answer], *, any_order: bool = False) -> Compiled[Given, Answer]:
    """`function` in machine code. Sums are added in the order they are written in, or in `any_order` that a processor is quick
    at."""
    return Compiled(function, any_order=any_order)


def _written(path: str) -> tuple[int, int] | None:
    """When a file was written, and how long it is; None where there is none."""
    if not Path(path).is_file():
        return None
    found = Path(path).stat()
    return found.st_mtime_ns, found.st_size
