"""OpenTelemetry traces: a span for each request and each statement, without values that callers sent.

Imported only if an OTLP endpoint is configured, so that it costs nothing otherwise.
"""

import os
from collections.abc import Sequence

from flask import Flask
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.psycopg2 import Psycopg2Instrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status

# Frequent requests, which are irrelevant for latency.
NOT_TRACED = "/health/,/metrics"
# Attributes that may contain a query string, and in it tokens or names.
_ADDRESSES = frozenset({"http.target", "http.url", "url.full"})
_NOT_TOLD = frozenset({"url.query"})


def init_app(app: Flask) -> None:
    """Create spans for the application's requests and their statements, once `start_process` was called."""
    FlaskInstrumentor().instrument_app(app, excluded_urls=NOT_TRACED)  # type: ignore[no-untyped-call]
    # The driver rather than SQLAlchemy, whose instrumentation does not know version 2.1. The package is the same
    # driver under another name than the one that is looked for.
    Psycopg2Instrumentor().instrument(skip_dep_check=True)


def start_process() -> None:
    """Send the spans of this process from now on. Call it after a fork, which its thread would not survive."""
    if "service.name" not in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        os.environ.setdefault("OTEL_SERVICE_NAME", "billing-service")
    provider = TracerProvider(resource=Resource.create())
    provider.add_span_processor(BatchSpanProcessor(_Discreet(OTLPSpanExporter())))
    trace.set_tracer_provider(provider)


class _Discreet(SpanExporter):
    """Exports spans without values of callers: without query strings, and without messages of failures.

    Statements outside of requests, such as those of health checks, are not exported.
    """

    def __init__(self, sender: SpanExporter) -> None:
        self._sender = sender

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export the spans."""
        told = [span for span in spans if span.parent or span.kind != SpanKind.CLIENT]
        return self._sender.export([_without_values(span) for span in told])

    def shutdown(self) -> None:
        """Stop exporting."""
        self._sender.shutdown()


def _without_values(span: ReadableSpan) -> ReadableSpan:
    attributes = {
        name: str(value).split("?", 1)[0] if name in _ADDRESSES else value
        for name, value in (span.attributes or {}).items()
        if name not in _NOT_TOLD
    }
    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        # Exceptions are events, and PostgreSQL's name the values they are about. They are in the log, without those.
        events=(),
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
