"""Telling a processor what to bring near before it is read, for compiled functions that read all over large tables."""

from __future__ import annotations

from functools import cached_property
from typing import Any

LINE = 16
"""Numbers of four bytes in a line of memory."""
TO_READ, KEEP_NEAR, DATA = 0, 3, 1
"""What `llvm.prefetch` is told: for reading, into the nearest cache, no code."""


class Prefetch:
    """`prefetch(table, row, column)` in a compiled function begins to bring near the line of memory that has this number of a
    table (m, w), and waits for nothing. Elsewhere it does nothing: what is read is the same."""

    def __call__(self, table: Any, row: int, column: int) -> None:
        """Nothing to do for the interpreter."""

    @cached_property
    def _numba_type_(self) -> Any:
        """What Numba takes this for where a compiled function names it."""
        from numba.core.registry import cpu_target
        from numba.extending import intrinsic

        known: Any = cpu_target.typing_context
        made = intrinsic(_prefetch)
        known.refresh()
        return known.resolve_value_type(made)


prefetch = Prefetch()


def _prefetch(_: Any, table: Any, row: Any, column: Any) -> Any:
    """The types of one call, and what writes its code."""
    from numba import types

    return types.void(table, row, column), _written


def _written(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    """The code of one call: the address of the number, and LLVM's own instruction."""
    from llvmlite import ir  # type: ignore[import-untyped]
    from numba import types
    from numba.core import cgutils

    llvm: Any = cgutils
    kind, *of_places = signature.args
    array = context.make_array(kind)(context, builder, given[0])
    places = [context.cast(builder, place, of, types.intp) for place, of in zip(given[1:], of_places, strict=True)]
    steps = llvm.unpack_tuple(builder, array.strides, kind.ndim)
    offset = builder.add(*(builder.mul(place, step) for place, step in zip(places, steps, strict=True)))
    address = builder.gep(builder.bitcast(array.data, llvm.voidptr_t), [offset])
    told = [ir.Constant(llvm.int32_t, value) for value in (TO_READ, KEEP_NEAR, DATA)]
    form = ir.FunctionType(ir.VoidType(), [llvm.voidptr_t, *(value.type for value in told)])
    builder.call(llvm.get_or_insert_function(builder.module, form, "llvm.prefetch.p0"), [address, *told])
    return context.get_dummy_value()
