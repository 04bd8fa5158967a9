"""Prometheus metrics, summed over all workers of the service."""

import os
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
    values,
)
from prometheus_client import REGISTRY as PROCESS_REGISTRY
from sqlalchemy import Engine, event

# Which of the processes that share their metrics this is.
_seat = "parent"

_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

_requests = Counter("billing_http_requests_total", "Requests answered.", ("method", "route", "status"))
_seconds = Histogram(
    "billing_http_request_duration_seconds", "Seconds to answer a request.", ("method", "route"), buckets=_BUCKETS
)
_failures = Counter("billing_http_failures_total", "Requests refused or failed, by reason.", ("reason",))
_replays = Counter("billing_idempotent_replays_total", "Requests answered again from their key.", ("status",))
# Labelled, since values without labels are made on import, before they can be shared.
_connections = Gauge(
    "billing_database_connections_in_use",
    "Database connections that requests hold now.",
    ("pool",),
    multiprocess_mode="livesum",
)
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"})


def share_between_workers(directory: Path) -> None:
    """Sum the metrics of all processes forked from this one, through files in `directory`, which is emptied.

    To be called before anything is observed. Where another server runs the service, setting PROMETHEUS_MULTIPROC_DIR
    in its environment does the same.
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
    """Keep count of the connections that are out of an engine's pool."""
    event.listen(engine, "checkout", lambda *_: _connections.labels(pool).inc())
    event.listen(engine, "checkin", lambda *_: _connections.labels(pool).dec())


def failed(reason: str) -> None:
    """Count one failure that was answered."""
    _failures.labels(reason).inc()


def replayed(status: int) -> None:
    """Count one answer given again."""
    _replays.labels(status).inc()


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request."""
    # Callers invent methods; labels must stay few.
    method = method if method in _KNOWN_METHODS else "OTHER"
    _requests.labels(method, route, status).inc()
    _seconds.labels(method, route).observe(seconds)


def exposition(last_successes: Mapping[str, datetime]) -> tuple[bytes, str]:
    """The metrics as text and its content type; `last_successes` says when each maintenance job succeeded last."""
    registry = PROCESS_REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    jobs = CollectorRegistry()
    succeeded = Gauge(
        "billing_maintenance_last_success_timestamp_seconds",
        "When a maintenance job succeeded last.",
        ("job",),
        registry=jobs,
    )
    for job, at in last_successes.items():
        succeeded.labels(job).set(at.timestamp())
    return generate_latest(registry) + generate_latest(jobs), CONTENT_TYPE_LATEST
