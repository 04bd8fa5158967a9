"""Prometheus metrics, summed over all workers of the service."""

import os
import shutil
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
    values,
)
from prometheus_client import REGISTRY as PROCESS_REGISTRY

_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

_requests = Counter("billing_http_requests_total", "Requests answered.", ("method", "route", "status"))
_seconds = Histogram(
    "billing_http_request_duration_seconds", "Seconds to answer a request.", ("method", "route"), buckets=_BUCKETS
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
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]


def forget_process(pid: int) -> None:
    """Drop what a process that ended reported of its present state; its counts stay."""
    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request."""
    # Callers invent methods; labels must stay few.
    method = method if method in _KNOWN_METHODS else "OTHER"
    _requests.labels(method, route, status).inc()
    _seconds.labels(method, route).observe(seconds)


def exposition() -> tuple[bytes, str]:
    """The metrics as text and its content type."""
    registry = PROCESS_REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST
