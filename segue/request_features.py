"""Features that exist only at the moment of a request: pure functions, wrapped by one on-demand view in `feature_repo/`.

Training calls them through Feast with the time of the listen; the live service calls them with the time of the request.
A weekly playlist has no moment: it passes null, and every feature answers its unknown value.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

UNKNOWN_HOUR = -1
UNKNOWN_WEEKDAY = -1

_MICROSECONDS_PER_HOUR = 3_600_000_000
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0


def hour_of_day(requested_at: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """UTC hour 0 to 23 of each time (n,), `UNKNOWN_HOUR` where it is NaT."""
    hours = _microseconds(requested_at) // _MICROSECONDS_PER_HOUR
    return np.where(np.isnat(requested_at), UNKNOWN_HOUR, hours % 24).astype(np.int64)


def day_of_week(requested_at: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """Weekday of each time (n,) in UTC, Monday 0 to Sunday 6, `UNKNOWN_WEEKDAY` where it is NaT."""
    days = _microseconds(requested_at) // (24 * _MICROSECONDS_PER_HOUR)
    return np.where(np.isnat(requested_at), UNKNOWN_WEEKDAY, (days + _EPOCH_WEEKDAY) % 7).astype(np.int64)


REQUEST_FEATURES: dict[str, Callable[[npt.NDArray[np.datetime64]], npt.NDArray[np.int64]]] = {
    "hour_of_day": hour_of_day,
    "day_of_week": day_of_week,
}
"""Feature name to the function that makes it; the on-demand view, the fingerprint and the live service read this list."""


def request_columns(requested_at: npt.NDArray[np.datetime64]) -> dict[str, npt.NDArray[np.int64]]:
    """Every request feature (n,) by name, for times (n,) in UTC."""
    return {name: function(requested_at) for name, function in REQUEST_FEATURES.items()}


def _microseconds(times: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    return times.astype("datetime64[us]").astype(np.int64)
