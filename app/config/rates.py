"""Parser of RATE_LIMITS: limits by name, such as `caller=500/second,pdf=off`."""

from collections.abc import Mapping

import limits
from limits import RateLimitItem

from app.config.declaration import UnusableValueError

# Callers with a valid token have no limit by default: back ends send thousands of requests per second.
DEFAULT_RATE_LIMITS = {
    "address": "100/5 seconds",
    "sign-in": "30/minute",
    "pdf": "60/minute",
    "query": "30/minute",
    "export": "60/minute",
}
RATE_LIMIT_NAMES = ("caller", *DEFAULT_RATE_LIMITS)
_OFF = "off"


def rate_limits(text: str) -> Mapping[str, RateLimitItem]:
    """Parse limits by name: the defaults, overridden by `text`; none for `off`."""
    if text == _OFF:
        return {}
    chosen = dict(DEFAULT_RATE_LIMITS)
    for each in text.split(","):
        name, _, rate = (part.strip() for part in each.partition("="))
        if name not in RATE_LIMIT_NAMES:
            raise UnusableValueError(
                f"must be off, or name=rate separated by commas with {', '.join(RATE_LIMIT_NAMES)}"
            )
        chosen[name] = rate
    return {name: _rate(rate) for name, rate in chosen.items() if rate != _OFF}


def _rate(text: str) -> RateLimitItem:
    try:
        rate = limits.parse(text)
    except ValueError:
        rate = None
    if rate is None or rate.amount < 1:
        raise UnusableValueError("must contain rates such as 100/5 seconds, or off")
    return rate
