"""Groups of related settings, each a dataclass."""

from collections.abc import Mapping
from dataclasses import dataclass

from limits import RateLimitItem

from app.config import values
from app.config.declaration import setting
from app.config.rates import DEFAULT_RATE_LIMITS, rate_limits


@dataclass(frozen=True, kw_only=True, slots=True)
class Serving:
    """Connections, worker processes and trusted proxies."""

    trusted_proxy_hops: int = setting(
        "TRUSTED_PROXY_HOPS",
        values.whole(0, 10),
        "Number of trusted proxies that append to X-Forwarded-For and X-Forwarded-Proto; 0 ignores these headers",
        default="0",
    )
    # Longer than the 60 seconds after which proxies usually close idle connections: otherwise a proxy may send a
    # request on a connection that the service is closing.
    keep_alive_seconds: int = setting(
        "KEEP_ALIVE_SECONDS",
        values.whole(1, 3600),
        "How long idle connections are kept open; must exceed the limit of the proxy in front",
        default="75",
    )
    worker_max_requests: int = setting(
        "WORKER_MAX_REQUESTS",
        values.whole(0, 1_000_000_000),
        "A worker is replaced after this many requests plus up to a fifth; 0 disables it",
        default="250000",
    )
    # One of a worker's threads always remains for other requests.
    exports_at_once: int = setting(
        "EXPORTS_AT_ONCE",
        values.whole(1, 3),
        "Exports of lists that a worker writes at the same time; further ones are refused with 429",
        default="2",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Limiting:
    """Rate limits, and where requests are counted."""

    rates: Mapping[str, RateLimitItem] = setting(
        "RATE_LIMITS",
        rate_limits,
        "Rate limits by name: caller, address, sign-in, pdf, query and export; `off` disables all, query=off one",
        default=",".join(f"{name}={rate}" for name, rate in DEFAULT_RATE_LIMITS.items()),
    )
    storage_url: str | None = setting(
        "RATE_LIMIT_STORAGE_URL",
        values.redis,
        "Redis in which all copies count requests together; if unset, each process counts separately",
        example="redis://127.0.0.1:6379/0",
        secret=True,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Seller:
    """The seller named on invoices. An invoice keeps the values at the time of issue."""

    name: str = setting("SELLER_NAME", values.text_up_to(255), "Seller named on invoices", default="Billing service")
    address: str = setting(
        "SELLER_ADDRESS",
        values.lines_up_to(1000),
        "Printed on invoices if set, as are the next three; \\n is a line break",
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
        "Bank details for bank transfers",
        default="",
        example="IBAN IE29 AIBK 9311 5212 3456 78",
    )
    due_days: int = setting(
        "INVOICE_DUE_DAYS",
        values.whole(0, 365),
        "Days from the invoice of a bank transfer to its due date",
        default="14",
    )
    retention_years: int = setting(
        "INVOICE_RETENTION_YEARS",
        values.whole(0, 100),
        "Years for which invoices and credit notes keep the buyer of an account that was erased",
        default="10",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class SignIn:
    """How people sign in to the console and the portal."""

    issuer: str | None = setting(
        "OIDC_ISSUER",
        values.web_address,
        "Identity provider at which people sign in to the console and the portal, by OpenID Connect; if unset, they\n"
        "use links of `flask token --console`",
        example="https://auth.example.com/",
    )
    client_id: str | None = setting(
        "OIDC_CLIENT_ID", values.visible, "What the service is called there", example="billing-console"
    )
    client_secret: str | None = setting(
        "OIDC_CLIENT_SECRET",
        values.visible,
        "Its secret there; none for a public client, which PKCE protects",
        example="...",
        secret=True,
    )
    scope: str = setting(
        "OIDC_SCOPE", values.text_up_to(1000), "Scopes asked for, with spaces", default="openid email profile"
    )
    session_hours: int = setting(
        "SESSION_HOURS", values.whole(1, 720), "Hours after which people sign in again", default="8"
    )
    session_secret: str | None = setting(
        "SESSION_SECRET",
        values.visible,
        "Signs session cookies; defaults to a key derived from AUTH_SECRET. Without AUTH_SECRET, OIDC_ISSUER requires\n"
        "it in production, since all copies need the same",
        secret=True,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Tracing:
    """The variables of OpenTelemetry that enable traces; its exporter reads them itself."""

    endpoint: str | None = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        values.web_address,
        "OpenTelemetry collector for traces, OTLP over HTTP; if unset, tracing is not loaded",
        example="http://127.0.0.1:4318",
    )
    traces_endpoint: str | None = setting(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        values.web_address,
        "The full URL for traces, instead of the above",
        example="http://127.0.0.1:4318/v1/traces",
    )
    disabled: bool = setting("OTEL_SDK_DISABLED", values.flag, "true turns traces off", default="false", example="true")
    exporter: str = setting(
        "OTEL_TRACES_EXPORTER",
        values.choice("otlp", "none"),
        "otlp, or none to turn traces off",
        default="otlp",
        example="none",
    )

    @property
    def wanted(self) -> bool:
        """Whether traces are enabled."""
        return bool(self.endpoint or self.traces_endpoint) and not self.disabled and self.exporter != "none"
