"""The service's own Prometheus metrics. BentoML's are switched off: they label every request with its path, and a path holds
a user id."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector

REQUESTS = Counter("segue_requests", "Requests answered", ["route", "status", "fallback"])
SECONDS = Histogram(
    "segue_request_seconds",
    "Time to answer",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
EVENTS = Counter("segue_events_accepted", "Events appended to landing")
DROPPED = Counter("segue_predictions_dropped", "Answers the prediction log had no room for or could not write")
LOADED = Counter("segue_releases_loaded", "Releases that became the live one in a process")
REFUSED = Counter("segue_releases_refused", "Releases that a process refused to load")
NO_POINTER = Counter("segue_unreadable_week_pointers", "Readings of the pointer to the visible week that failed")
READY = Gauge("segue_ready", "1 when a process has a release loaded", multiprocess_mode="livemin")


def exposition() -> tuple[bytes, str]:
    """The metrics of all workers together, and their content type."""
    if values.ValueClass is values.MutexValue:  # one process: the client found no PROMETHEUS_MULTIPROC_DIR when imported
        return generate_latest(), CONTENT_TYPE_LATEST
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST
