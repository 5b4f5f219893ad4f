"""Telling a processor what to bring near before it is read, for compiled functions that read all over large tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LINE = 16
"""Numbers of four bytes in a line of memory."""
TO_READ, KEEP_NEAR, DATA = 0, 3, 1
"""What `llvm.prefetch` is told: for reading, into the nearest cache, no code."""
_llvm: Any = cgutils


def _prefetch(_: Any, table: Any, row: Any, column: Any) -> Any:
    """The types of one call, and what writes its code."""

    def written(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kind, *of_places = signature.args
        array = context.make_array(kind)(context, builder, given[0])
        places = [context.cast(builder, place, of, types.intp) for place, of in zip(given[1:], of_places, strict=True)]
        steps = _llvm.unpack_tuple(builder, array.strides, kind.ndim)
        offset = builder.add(*(builder.mul(place, step) for place, step in zip(places, steps, strict=True)))
        address = builder.gep(builder.bitcast(array.data, _llvm.voidptr_t), [offset])
        told = [ir.Constant(_llvm.int32_t, value) for value in (TO_READ, KEEP_NEAR, DATA)]
        form = ir.FunctionType(ir.VoidType(), [_llvm.voidptr_t, *(value.type for value in told)])
        builder.call(_llvm.get_or_insert_function(builder.module, form, "llvm.prefetch.p0"), [address, *told])
        return context.get_dummy_value()

    return types.void(table, row, column), written


prefetch = cast("Callable[[Any, int, int], None]", intrinsic(_prefetch))
"""Begins to bring near the line of memory with `table[row, column]` (m, w), and waits for nothing. Only compiled functions can
call it."""
