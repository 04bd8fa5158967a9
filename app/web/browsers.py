"""What browsers are told of every response: who may read it, keep it, frame it."""

import re

from flask import Flask, Response
from flask_cors import CORS

from app.config import Settings

# Browsers keep a preflight for no longer than two hours.
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
# A response says itself when it may be kept, or when it is a page with needs of its own.
_DEFAULTS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def init_app(app: Flask) -> None:
    """Send the security headers with every response, and let pages of the configured origins read them."""
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
            # Without an Origin it would list every origin to any caller.
            always_send=False,
        )


def _protect(response: Response) -> Response:
    for name, value in _DEFAULTS.items():
        if name not in response.headers:
            response.headers[name] = value
    return response


def _exactly(origin: str) -> re.Pattern[str]:
    # The extension takes text with brackets, as IPv6 addresses have them, for a pattern.
    return re.compile(rf"{re.escape(origin)}\Z")
