"""Workers that are replaced while callers go on."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.processes import Service

WORKERS = 2
CALLERS = 4
REQUESTS_OF_EACH = 20
# A worker answers no more than this and a fifth.
REQUESTS_OF_A_WORKER = 15


@pytest.fixture
def service(var_dir: Path) -> Iterator[Service]:
    running = Service(var_dir, WEB_CONCURRENCY=str(WORKERS), WORKER_MAX_REQUESTS=str(REQUESTS_OF_A_WORKER))
    yield running
    running.stop()


def call(service: Service, caller: int) -> list[int]:
    """The statuses a caller gets that keeps its connection for as long as it is told that it may.

    Every third request is sent in two parts, so that some are half here when their worker is to end.
    """
    connection = HTTPConnection("127.0.0.1", service.port, timeout=30)
    statuses = []
    for number in range(REQUESTS_OF_EACH):
        body = json.dumps({"name": f"{caller}-{number}"}).encode()
        connection.putrequest("POST", "/v6/clients")
        connection.putheader("Authorization", f"Bearer {service.token}")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        if number % 3 == 0:
            connection.send(body[:5])
            service.get("/health/live")
            body = body[5:]
        connection.send(body)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()
    return statuses


def test_no_request_is_lost_and_none_is_counted_twice(service: Service) -> None:
    before = {worker.pid for worker in psutil.Process(service.process.pid).children()}
    with ThreadPoolExecutor(CALLERS) as pool:
        statuses = list(pool.map(partial(call, service), range(CALLERS)))
    assert statuses == [[201] * REQUESTS_OF_EACH] * CALLERS
    assert service.get("/v6/clients")["count"] == CALLERS * REQUESTS_OF_EACH
    assert before.isdisjoint(worker.pid for worker in psutil.Process(service.process.pid).children())


def test_metrics_outlive_workers_in_as_many_files_as_there_are_workers(service: Service, var_dir: Path) -> None:
    for _ in range(4 * REQUESTS_OF_A_WORKER):
        service.get("/health/live")
    connection = HTTPConnection("127.0.0.1", service.port, timeout=30)
    connection.request("GET", "/metrics")
    exposition = connection.getresponse().read().decode()
    connection.close()
    counted = [
        sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name == "billing_http_requests_total" and sample.labels["route"] == "/health/live"
    ]
    assert counted == [4 * REQUESTS_OF_A_WORKER]
    assert len(list((var_dir / "metrics").rglob("counter_*.db"))) <= WORKERS
