"""Prometheus metrics, summed over all workers of the service."""

import os
import shutil
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    generate_latest,
    multiprocess,
    values,
)
from prometheus_client import REGISTRY as PROCESS_REGISTRY
from prometheus_client.registry import Collector
from sqlalchemy import Engine, event

# The name of this process among those that share their metrics.
_seat = "parent"

_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

_requests = Counter("billing_http_requests_total", "Requests handled.", ("method", "route", "status"))
_seconds = Histogram(
    "billing_http_request_duration_seconds",
    "Time to handle a request, in seconds.",
    ("method", "route"),
    buckets=_BUCKETS,
)
_failures = Counter("billing_http_failures_total", "Requests refused or failed, by reason.", ("reason",))
_replays = Counter("billing_idempotent_replays_total", "Responses replayed for an idempotency key.", ("status",))
_exports = Counter("billing_exports_total", "Exports of lists, by how they ended.", ("outcome",))
# Labelled, because metrics without labels are created on import, before they can be shared.
_connections = Gauge(
    "billing_database_connections_in_use",
    "Database connections in use.",
    ("pool",),
    multiprocess_mode="livesum",
)
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"})


class _Shared(Collector):
    """The metrics of all processes, from their files in a directory.

    A file that a process has just created is empty, and the library's own collector of a directory would fail on it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterable[Metric]:
        """The metrics, summed."""
        with os.scandir(self._directory) as files:
            written = [file.path for file in files if file.name.endswith(".db") and _size(file)]
        metrics: Iterable[Metric] = multiprocess.MultiProcessCollector.merge(written)  # type: ignore[no-untyped-call]
        return metrics


def _size(file: os.DirEntry[str]) -> int:
    """In bytes; 0 for a file that is gone."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def share_between_workers(directory: Path) -> None:
    """Sum the metrics of all processes forked from this one, through files in `directory`, which is emptied.

    Call it before any metric is observed. Under another server, set PROMETHEUS_MULTIPROC_DIR in its environment
    instead.
    """
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    values.ValueClass = values.MultiProcessValue(lambda: _seat)  # type: ignore[no-untyped-call]


def take_seat(number: int) -> None:
    """In a worker: count on in the files that the last process of this seat left.

    Files named by process would become more with every worker that is replaced. No two living workers share a seat.
    """
    global _seat  # noqa: PLW0603 - which process this is
    _seat = str(number)


def leave_seat(number: int) -> None:
    """Drop what the worker of this seat, which ended, reported of its present state; its counts stay."""
    multiprocess.mark_process_dead(number)  # type: ignore[no-untyped-call]


def count_connections(engine: Engine, *, pool: str) -> None:
    """Count the connections that are checked out of an engine's pool."""
    event.listen(engine, "checkout", lambda *_: _connections_of(pool).inc())
    event.listen(engine, "checkin", lambda *_: _connections_of(pool).dec())


def failed(reason: str) -> None:
    """Count one failed request."""
    _failures.labels(reason).inc()


def replayed(status: int) -> None:
    """Count one replayed response."""
    _replays.labels(status).inc()


def exported(outcome: str) -> None:
    """Count an export that ended."""
    _exports.labels(outcome).inc()


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one handled request, and its duration in seconds."""
    # Callers may send any method; the number of labels must be bounded.
    method = method if method in _KNOWN_METHODS else "OTHER"
    handled, took = _metrics_of(method, route, status)
    handled.inc()
    took.observe(seconds)


# Looking a metric up by its labels takes longer than counting.
_connections_of = cache(_connections.labels)


@cache
def _metrics_of(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return _requests.labels(method, route, status), _seconds.labels(method, route)


def _registry() -> CollectorRegistry:
    """The metrics of all workers."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return PROCESS_REGISTRY
    registry = CollectorRegistry()
    registry.register(_Shared(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])))
    return registry


def requests_handled() -> tuple[int, int]:
    """How many requests all workers have handled since they were started together, and how many of them failed."""
    counts = [
        (sample.labels["status"], int(sample.value))
        for metric in _registry().collect()
        if metric.name == "billing_http_requests"
        for sample in metric.samples
        if sample.name == "billing_http_requests_total"
    ]
    return sum(count for _, count in counts), sum(count for status, count in counts if status.startswith("5"))


def exposition(last_successes: Mapping[str, datetime]) -> tuple[bytes, str]:
    """The metrics in Prometheus text format, and its content type.

    `last_successes` are the timestamps of the last success of each maintenance job.
    """
    registry = _registry()
    jobs = CollectorRegistry()
    succeeded = Gauge(
        "billing_maintenance_last_success_timestamp_seconds",
        "Timestamp of the last success of a maintenance job.",
        ("job",),
        registry=jobs,
    )
    for job, at in last_successes.items():
        succeeded.labels(job).set(at.timestamp())
    return generate_latest(registry) + generate_latest(jobs), CONTENT_TYPE_LATEST
