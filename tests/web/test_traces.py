"""OpenTelemetry: what a collector gets, and that nothing is there without one."""

import gzip
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.processes import ROOT, Service

SECRETS = ["Secretive Ltd", "secretive-code", "a-token-in-the-query"]
WORKERS = 2


class Collector(ThreadingHTTPServer):
    """Keeps what is sent to it over OTLP/HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.bodies: list[bytes] = []
        self.paths: set[str] = set()

    @property
    def spans(self) -> list[tuple[str, Any]]:
        """The instance of the service and the span, for each."""
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            ({each.key: each.value.string_value for each in of.resource.attributes}["service.name"], span)
            for request in requests
            for of in request.resource_spans
            for scope in of.scope_spans
            for span in scope.spans
        ]


class Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.paths.add(self.path)
        self.server.bodies.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def attributes(span: Any) -> dict[str, Any]:
    return {each.key: each.value for each in span.attributes}


def test_every_worker_sends_spans_of_requests_and_statements_without_values(
    var_dir: Path, collector: Collector
) -> None:
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    service = Service(
        var_dir,
        WEB_CONCURRENCY=str(WORKERS),
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        OTEL_BSP_SCHEDULE_DELAY="100",
        WORKER_MAX_REQUESTS="10",
    )
    service.get("/health/ready")
    for _ in range(2):
        service.call("POST", "/v6/clients", {"name": SECRETS[0], "codeName": SECRETS[1]})
    service.call("GET", f"/v6/clients?name={SECRETS[0].replace(' ', '+')}&token={SECRETS[2]}")
    for _ in range(30):
        service.get("/v6/clients")
    service.stop(15)
    spans = collector.spans
    assert collector.paths == {"/v1/traces"}
    assert {name for name, _ in spans} == {"billing-service"}
    requests = [span for _, span in spans if not span.parent_span_id]
    assert Counter(span.name.split()[0] for span in requests) == {"POST": 2, "GET": 31}, "none is lost, none is health"
    of_requests = {span.trace_id for span in requests}
    statements = [span for _, span in spans if span.parent_span_id]
    assert {span.trace_id for span in statements} <= of_requests, "statements belong to requests"
    texts = [attributes(span)["db.statement"].string_value for span in statements if "db.statement" in attributes(span)]
    assert any("INSERT INTO clients" in text for text in texts)
    whole = b"".join(collector.bodies)
    for secret in [*SECRETS, service.token, *service.token.split(".")[1:]]:
        assert secret.encode() not in whole, secret


# In a process that has the service and nothing for traces: what an application made in each environment loads.
LOADED = """
import json, os, sys, wsgi
from app import create_app

answers = []
for environ in json.loads(sys.argv[1]):
    if (pid := os.fork()) == 0:
        os.environ.update(environ)
        create_app()
        os._exit(10 + any(name.startswith("opentelemetry") for name in sys.modules))
    answers.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(json.dumps(answers))
"""
NOBODY_IS_TOLD = 10
SOMEBODY_IS_TOLD = 11


def test_nothing_is_loaded_unless_somebody_is_to_be_told(tmp_path: Path) -> None:
    """Warnings are errors here too."""
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    expected = [
        ({}, NOBODY_IS_TOLD),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, NOBODY_IS_TOLD),
        ({**endpoint, "OTEL_SDK_DISABLED": "true"}, NOBODY_IS_TOLD),
        ({**endpoint, "OTEL_TRACES_EXPORTER": "none"}, NOBODY_IS_TOLD),
        (endpoint, SOMEBODY_IS_TOLD),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"}, SOMEBODY_IS_TOLD),
    ]
    environs = json.dumps([environ for environ, _ in expected])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOADED, environs],
        env={"VAR_DIR": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [answer for _, answer in expected]
