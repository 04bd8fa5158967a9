"""Rate limits per caller and per client address.

The library `limits` counts, in the process or in a storage shared by all copies of the service:

| name | counts | of |
|---|---|---|
| `caller` | every request with a valid token | one caller |
| `address` | requests without a valid token that are refused with a 4xx status | one client address |
| `sign-in` | attempts to sign in at a browser | one client address |
| `pdf`, `query`, `export` | calls of expensive operations | one caller |
"""

import logging
import math
import time
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from typing import Any

from flask import Flask, Response, after_this_request, current_app, g, request
from limits import RateLimitItem
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from app.auth.guards import bearer_token
from app.auth.tokens import TokenVerifier
from app.config import Settings
from app.errors import RateLimited, Unauthorized, Unavailable

# An unavailable storage must not delay requests.
_STORAGE_OPTIONS: dict[str, Any] = {"socket_timeout": 0.2, "socket_connect_timeout": 0.2, "wrap_exceptions": True}
# Internet providers usually assign one customer a network of this many bits.
_IPV6_NETWORK_BITS = 64

_log = logging.getLogger(__name__)


class RateLimits:
    """Counts requests against the configured limits.

    While a shared storage is unavailable, each process counts separately.
    """

    def __init__(self, limits: Mapping[str, RateLimitItem], storage_url: str | None) -> None:
        self.limits = limits
        self._alone = FixedWindowRateLimiter(MemoryStorage())
        self._counter = self._alone
        if storage_url is not None:
            self._counter = FixedWindowRateLimiter(storage_from_string(storage_url, **_STORAGE_OPTIONS))

    def charge(self, name: str, key: str) -> None:
        """Count one request of `key`, and add the remaining requests to the headers of the response.

        Raises RateLimited if the limit is exceeded.
        """
        item = self.limits.get(name)
        if item is None:
            return
        admitted, remaining, wait = self._hit(item, name, key)
        after_this_request(lambda response: _with_headers(response, name, item, remaining, wait, admitted=admitted))
        if not admitted:
            raise RateLimited(
                f"Too many requests: the limit is {item.amount} in {item.get_expiry()} seconds. Retry in {wait} s.",
                details={"limit": name, "requests": item.amount, "seconds": item.get_expiry()},
            )

    def _hit(self, item: RateLimitItem, *key: str) -> tuple[bool, int, int]:
        """Whether the request is admitted, how many more will be, and the seconds until the limit resets."""
        try:
            return _count(self._counter, item, *key)
        except StorageError as error:
            _log.warning("The storage of rate limits is unavailable; this process counts separately: %s", error)
            return _count(self._alone, item, *key)


def init_app(app: Flask, settings: Settings) -> None:
    """Limit the requests of `app` by its settings."""
    app.extensions["rate_limits"] = RateLimits(settings.limiting.rates, settings.limiting.storage_url)


def charge_caller(kind: str | None) -> None:
    """Count this request of its authenticated caller, and also as one of `kind`. Raises RateLimited."""
    rate_limits: RateLimits = current_app.extensions["rate_limits"]
    if "caller" in rate_limits.limits:
        rate_limits.charge("caller", g.actor.identity)
    if kind is not None:
        rate_limits.charge(kind, g.actor.identity)


def charge_address() -> None:
    """Count this refused request of its client address, unless it has a valid token. Raises RateLimited."""
    if g.get("actor") is None and not _is_authenticated():
        current_app.extensions["rate_limits"].charge("address", _network(request.remote_addr or ""))


def charge_sign_in() -> None:
    """Count this attempt to sign in of its client address. Raises RateLimited."""
    current_app.extensions["rate_limits"].charge("sign-in", _network(request.remote_addr or ""))


def _is_authenticated() -> bool:
    """Whether a request that reached no guard, such as one for an unknown path, has a valid token."""
    verifier: TokenVerifier = current_app.extensions["token_verifier"]
    try:
        verifier.verify(bearer_token())
    except (Unauthorized, Unavailable):
        return False
    return True


def _network(address: str) -> str:
    """The key of a client address: an IPv4 address, or the network of an IPv6 address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(int(parsed) >> (parsed.max_prefixlen - _IPV6_NETWORK_BITS))
    return address


def _count(counter: FixedWindowRateLimiter, item: RateLimitItem, *key: str) -> tuple[bool, int, int]:
    admitted = counter.hit(item, *key)
    reset_at, remaining = counter.get_window_stats(item, *key)
    return admitted, remaining, max(1, math.ceil(reset_at - time.time()))


def _with_headers(
    response: Response, name: str, item: RateLimitItem, remaining: int, wait: int, *, admitted: bool
) -> Response:
    response.headers.add("RateLimit-Policy", f'"{name}";q={item.amount};w={item.get_expiry()}')
    response.headers.add("RateLimit", f'"{name}";r={remaining};t={wait}')
    if not admitted:
        response.headers["Retry-After"] = str(wait)
    return response
