"""OpenTelemetry traces: a span for each request and each statement, without anything that callers sent.

Imported only where an OTLP endpoint is named in the environment (`Settings.traces`): elsewhere it costs nothing.
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

# Asked every few seconds, of no interest to anybody who looks for what is slow.
NOT_TRACED = "/health/,/metrics"
# Where a query may be, which may hold a token or a name.
_ADDRESSES = frozenset({"http.target", "http.url", "url.full"})
_NOT_TOLD = frozenset({"url.query"})


def init_app(app: Flask) -> None:
    """Make spans of the application's requests and of their statements, once `start_process` was called."""
    FlaskInstrumentor().instrument_app(app, excluded_urls=NOT_TRACED)  # type: ignore[no-untyped-call]
    # The driver rather than SQLAlchemy, whose instrumentation does not know version 2.1. The package is the same
    # driver under another name than the one that is looked for.
    Psycopg2Instrumentor().instrument(skip_dep_check=True)


def start_process() -> None:
    """Send this process's spans from now on. Its thread does not survive a fork: to be called after it."""
    if "service.name" not in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        os.environ.setdefault("OTEL_SERVICE_NAME", "billing-service")
    provider = TracerProvider(resource=Resource.create())
    provider.add_span_processor(BatchSpanProcessor(_Discreet(OTLPSpanExporter())))
    trace.set_tracer_provider(provider)


class _Discreet(SpanExporter):
    """Sends spans without what may hold a caller's values: queries of addresses, and messages of failures.

    Statements of no request, such as those of health checks, are left out.
    """

    def __init__(self, sender: SpanExporter) -> None:
        self._sender = sender

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them."""
        told = [span for span in spans if span.parent or span.kind != SpanKind.CLIENT]
        return self._sender.export([_without_values(span) for span in told])

    def shutdown(self) -> None:
        """Send nothing more."""
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
