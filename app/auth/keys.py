"""The signing keys of a remote identity provider: fetched, cached, and refetched when they rotate."""

import logging
import time
from threading import Lock
from typing import Any

import jwt
from jwt import PyJWKClient, PyJWKClientError

from app.errors import Reason, Unavailable

KEYS_LIVE_SECONDS = 300
# An unknown key id may be a rotation, or invented by an attacker: refetch, but not on every request.
REFETCH_AFTER_SECONDS = 15
FETCH_TIMEOUT_SECONDS = 3

ACCEPTED_ALGORITHMS = frozenset({"RS256", "ES256"})

_log = logging.getLogger(__name__)


class RemoteKeys:
    """The key set at one JWKS URL."""

    def __init__(self, url: str) -> None:
        self._client = PyJWKClient(url, cache_jwk_set=False, timeout=FETCH_TIMEOUT_SECONDS)
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at = -float("inf")
        self._tried_at = -float("inf")
        self._lock = Lock()

    def find(self, key_id: Any, algorithm: Any) -> tuple[Any, str]:
        """The key named `key_id` and the one algorithm its type allows.

        Raises InvalidKeyError if the set has no such key or the algorithm is not that of the key, and Unavailable if no
        key set could be fetched yet.
        """
        key = self._known(key_id)
        if algorithm != key.algorithm_name or algorithm not in ACCEPTED_ALGORITHMS:
            raise jwt.InvalidAlgorithmError("its algorithm is not accepted")
        return key.key, key.algorithm_name

    def _known(self, key_id: Any) -> jwt.PyJWK:
        if not (key_id is None or isinstance(key_id, str)):
            raise jwt.InvalidKeyError("its key id is not a string")
        now = time.monotonic()
        stale = now - self._fetched_at > KEYS_LIVE_SECONDS
        if stale or key_id not in self._keys:
            self._refresh(now)
        # Another thread may replace the set at any time.
        keys = self._keys
        if key_id in keys:
            return keys[key_id]
        if not keys:
            raise Unavailable(
                "The signing keys of the identity provider are unavailable", reason=Reason.IDENTITY_PROVIDER_UNAVAILABLE
            )
        raise jwt.InvalidKeyError("its key is unknown")

    def _refresh(self, now: float) -> None:
        """Fetch the set unless that was just tried. If it fails, the cached keys stay in use."""
        with self._lock:
            if now - self._tried_at < REFETCH_AFTER_SECONDS:
                return
            self._tried_at = now
            try:
                document = self._client.fetch_data()
                published = jwt.PyJWKSet.from_dict(document).keys
            except (PyJWKClientError, jwt.PyJWKSetError, OSError, ValueError) as error:
                _log.warning("The signing keys could not be fetched: %s", error)
                return
            named = [key for key in published if isinstance(key.key_id, str | None)]
            keys = {key.key_id: key for key in named if key.public_key_use in (None, "sig")}
            if len(keys) == 1:
                # A set of one key needs no id: tokens without `kid` mean that key.
                keys.setdefault(None, next(iter(keys.values())))
            # Published to other threads only when it is complete.
            self._keys = keys
            self._fetched_at = now
