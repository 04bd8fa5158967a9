"""Response headers for browsers: CORS, caching, framing and content security."""

import re

from flask import Flask, Response
from flask_cors import CORS

from app.config import Settings

# Browsers cache preflights for at most two hours.
PREFLIGHT_LIVES_SECONDS = 7200
ALLOWED_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-Account-Id",
    "X-Change-Reason",
    "X-Request-ID",
)
EXPOSED_HEADERS = (
    "Content-Disposition",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Next-Page",
    "X-Page",
    "X-Per-Page",
    "X-Prev-Page",
    "X-Request-ID",
    "X-Total",
    "X-Total-Pages",
)
# Defaults; cacheable responses and pages set their own.
_DEFAULTS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def init_app(app: Flask) -> None:
    """Add security headers to every response, and CORS headers for the configured origins."""
    settings: Settings = app.config["SETTINGS"]
    app.after_request(_protect)
    if settings.cors_origins:
        CORS(
            app,
            origins="*" if "*" in settings.cors_origins else [_exactly(each) for each in settings.cors_origins],
            allow_headers=list(ALLOWED_HEADERS),
            expose_headers=list(EXPOSED_HEADERS),
            max_age=PREFLIGHT_LIVES_SECONDS,
            send_wildcard=True,
            # Otherwise requests without an Origin would get the list of all origins.
            always_send=False,
        )


def _protect(response: Response) -> Response:
    present = {name.lower() for name, _ in response.headers}
    for name, value in _DEFAULTS.items():
        if name.lower() not in present:
            response.headers.add(name, value)
    return response


def _exactly(origin: str) -> re.Pattern[str]:
    # The extension would treat a string with brackets, as in IPv6 addresses, as a pattern.
    return re.compile(rf"{re.escape(origin)}\Z")
