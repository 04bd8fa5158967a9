"""Settings that belong together, each group a dataclass of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

from limits import RateLimitItem

from app.config import values
from app.config.declaration import setting
from app.config.rates import DEFAULT_RATE_LIMITS, rate_limits


@dataclass(frozen=True, kw_only=True, slots=True)
class Serving:
    """How connections and worker processes are kept. Of requests, `trusted_proxy_hops` proxies say whose they are."""

    trusted_proxy_hops: int = setting(
        "TRUSTED_PROXY_HOPS",
        values.whole(0, 10),
        "How many proxies in front add to X-Forwarded-For and X-Forwarded-Proto; with 0 those headers are ignored",
        default="0",
    )
    # Longer than the 60 seconds after which proxies usually drop an idle connection: they must be the ones to do it, or
    # a request meets a connection that was closed a moment ago.
    keep_alive_seconds: int = setting(
        "KEEP_ALIVE_SECONDS",
        values.whole(1, 3600),
        "How long an idle connection is kept: longer than the proxy in front keeps it, or requests meet closed ones",
        default="75",
    )
    worker_max_requests: int = setting(
        "WORKER_MAX_REQUESTS",
        values.whole(0, 1_000_000_000),
        "A worker is replaced after so many requests, and up to a fifth more; 0: never",
        default="250000",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Limiting:
    """How many requests are answered, and where they are counted."""

    rates: Mapping[str, RateLimitItem] = setting(
        "RATE_LIMITS",
        rate_limits,
        "Limits of requests by name: caller, address, pdf and query; `off` removes all, or one as in query=off",
        default=",".join(f"{name}={rate}" for name, rate in DEFAULT_RATE_LIMITS.items()),
    )
    storage_url: str | None = setting(
        "RATE_LIMIT_STORAGE_URL",
        values.redis,
        "The Redis in which all copies count together; unset, each process counts by itself",
        example="redis://127.0.0.1:6379/0",
        secret=True,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Seller:
    """Who invoices are from. An invoice keeps what is set when it is issued."""

    name: str = setting("SELLER_NAME", values.text_up_to(255), "Who invoices are from", default="Billing service")
    address: str = setting(
        "SELLER_ADDRESS",
        values.lines_up_to(1000),
        "Printed on invoices when set, as are the next three; \\n begins a new line",
        default="",
        example="1 Harbour Road\\nCork",
    )
    tax_id: str = setting("SELLER_TAX_ID", values.text_up_to(255), "", default="", example="IE1234567T")
    registration: str = setting(
        "SELLER_REGISTRATION", values.text_up_to(255), "", default="", example="CRO Dublin 123456"
    )
    bank: str = setting(
        "SELLER_BANK",
        values.lines_up_to(1000),
        "Where bank transfers go to",
        default="",
        example="IBAN IE29 AIBK 9311 5212 3456 78",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Tracing:
    """The variables of OpenTelemetry that decide whether there are traces; its exporter reads them itself."""

    endpoint: str | None = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        values.web_address,
        "OpenTelemetry traces: a collector that takes OTLP over HTTP; unset, nothing is loaded and nothing sent",
        example="http://127.0.0.1:4318",
    )
    traces_endpoint: str | None = setting(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        values.web_address,
        "The whole address in its place",
        example="http://127.0.0.1:4318/v1/traces",
    )
    disabled: bool = setting(
        "OTEL_SDK_DISABLED", values.flag, "Either switches them off again", default="false", example="true"
    )
    exporter: str = setting(
        "OTEL_TRACES_EXPORTER", values.choice("otlp", "none"), "otlp or none", default="otlp", example="none"
    )

    @property
    def wanted(self) -> bool:
        """Whether spans have somewhere to go."""
        return bool(self.endpoint or self.traces_endpoint) and not self.disabled and self.exporter != "none"
