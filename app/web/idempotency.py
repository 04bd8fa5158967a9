"""`Idempotency-Key`: a request repeated with its key gets the stored response."""

import hashlib
import re
from collections.abc import Callable

from flask import Response, current_app, request
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from app.auth.actor import current_actor
from app.db.transaction import transaction
from app.errors import Conflict, Invalid, KeyReused, Reason, ServiceError
from app.idempotency import store
from app.idempotency.store import Key
from app.web import metrics
from app.web.shown_once import lasting_body

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
METHODS = frozenset({"POST", "PATCH"})

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def once(view: Callable[[], Response]) -> Response:
    """Run the view in a transaction and return its response, or replay the stored response of its key.

    The key is claimed with the view's first statement, and the response is stored with the commit. Raises Invalid for
    a malformed key, KeyReused if the key was used for a different request, and Conflict if a request with the key is
    still in progress after the time limit.
    """
    if not has_key():
        with transaction():
            return view()
    key, request_hash = _key(), _request_hash()
    try:
        with transaction():
            store.claim(key, request_hash)
            response = view()
            store.store(key, response.status_code, lasting_body(response), response.headers.get("ETag"))
    except (DBAPIError, HTTPException, ServiceError) as failure:
        return _replay_or_raise(key, request_hash, failure)
    return response


def once_in_parts(view: Callable[[], Response]) -> Response:
    """As `once`, for a view that commits in parts and resumes if it is called again.

    The key is stored with the response when the view is complete: an interrupted call leaves no key, and the next call
    completes the work.
    """
    if not has_key():
        return view()
    key = _key()
    with transaction():
        stored = store.find(key)
    if stored is not None:
        return _replay(stored, _request_hash())
    response = view()
    return once(lambda: response)


def has_key() -> bool:
    """Whether this request has a key, and a method that uses it."""
    return HEADER in request.headers and request.method in METHODS


def request_key() -> str | None:
    """The key of this request. Raises Invalid for a malformed one."""
    return _key().key if HEADER in request.headers else None


def _key() -> Key:
    """The key of this request with its caller. Raises Invalid for a malformed one."""
    key = request.headers[HEADER]
    if not _KEY.fullmatch(key):
        raise Invalid.field(HEADER, "Must be 1 to 255 visible ASCII characters.", location="headers")
    return Key(current_actor().identity, key)


def _replay_or_raise(key: Key, request_hash: bytes, failure: Exception) -> Response:
    """Replay the stored response if another request completed with this key; otherwise re-raise.

    Raises Conflict if the request that claimed the key is still in progress after the time limit.
    """
    if store.is_running(failure):
        raise Conflict(
            "A request with this idempotency key is still in progress", reason=Reason.IDEMPOTENCY_IN_PROGRESS
        ) from None
    if isinstance(failure, DBAPIError) and not store.is_claimed(failure):
        raise failure
    with transaction():
        stored = store.find(key)
    if stored is None:
        raise failure
    return _replay(stored, request_hash)


def _replay(stored: store.Stored, request_hash: bytes) -> Response:
    if bytes(stored.request_hash) != request_hash:
        raise KeyReused("This idempotency key was used for a different request")
    response = current_app.response_class(bytes(stored.body), stored.status, mimetype="application/json")
    response.headers[REPLAYED_HEADER] = "true"
    if stored.etag is not None:
        response.headers["ETag"] = stored.etag
    metrics.replayed(stored.status)
    return response


def _request_hash() -> bytes:
    # The selected account is part of the request.
    account = str(current_actor().account_id or "").encode()
    path = request.path.rstrip("/").encode()
    parts = (request.method.encode(), path, request.query_string, request.get_data(), account)
    return hashlib.sha256(b"\n".join(hashlib.sha256(part).digest() for part in parts)).digest()
