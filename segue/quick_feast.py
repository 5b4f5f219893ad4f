"""Imports Feast without typeguard's instrumentation.

Feast decorates its classes so that every call checks the types of its arguments; for each method typeguard parses the whole
module anew, which is two thirds of the import. The tests of our definitions import Feast as it is. This can go when
`python -X importtime -c "import feast"` takes no longer than its dependencies do.
"""

from __future__ import annotations

import sys
from typing import Any


def import_feast() -> None:
    """Import Feast, unless somebody has."""
    if "feast" in sys.modules:
        return
    import typeguard

    names = vars(typeguard)
    checked, names["typechecked"] = names["typechecked"], _as_it_is
    try:
        import feast  # noqa: F401
    finally:
        names["typechecked"] = checked


def _as_it_is(target: Any = None, **_: Any) -> Any:
    """Stands for `typeguard.typechecked`, used with arguments or without."""
    return _as_it_is if target is None else target
