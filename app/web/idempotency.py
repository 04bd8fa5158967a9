"""Idempotency keys: a request sent twice with one key has one effect and one answer.

The key is claimed and the answer stored in the transaction of the effect, so none of them exists without the others.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Response, current_app, request
from psycopg2.errors import LockNotAvailable, UniqueViolation
from sqlalchemy import Row, String, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.exceptions import HTTPException

from app.auth.actor import current_actor
from app.clock import utc_now
from app.db.base import Base, Moment, db
from app.db.prepared import Prepared
from app.db.transaction import defer, transaction
from app.errors import Conflict, Invalid, KeyReused, Reason, ServiceError
from app.web import metrics

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
KEPT_FOR = timedelta(hours=24)
PRUNED_AT_ONCE = 5000

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
METHODS = frozenset({"POST", "PATCH"})


class IdempotencyKey(Base):
    """A request that was answered: whose, by what key, what it asked, and the answer."""

    __tablename__ = "idempotency_keys"

    # The identity of the caller: issuer, subject and kind of token.
    caller: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_hash: Mapped[bytes]
    status: Mapped[int | None]
    body: Mapped[bytes | None]
    created_at: Mapped[Moment] = mapped_column(index=True)


# A twin that is still running holds the row: the claim waits for it to end, but not for ever.
_CLAIM = Prepared("""
    SET LOCAL lock_timeout = '10s';
    DELETE FROM idempotency_keys WHERE caller = :caller AND key = :key AND created_at <= :expired;
    INSERT INTO idempotency_keys (caller, key, request_hash, created_at) VALUES (:caller, :key, :request_hash, :now)
""")
_STORED = Prepared("""
    SELECT request_hash, status, body FROM idempotency_keys
    WHERE caller = :caller AND key = :key AND created_at > :expired
""")
_PRUNE = text("""
    DELETE FROM idempotency_keys WHERE (caller, key) IN (
        SELECT caller, key FROM idempotency_keys WHERE created_at <= :expired
        ORDER BY created_at LIMIT :batch FOR UPDATE SKIP LOCKED
    )
""")
_STORE = Prepared("UPDATE idempotency_keys SET status = :status, body = :body WHERE caller = :caller AND key = :key")


def once(view: Callable[[], Response]) -> Response:
    """The view's answer, once its work is committed; to a key that was answered before, that answer again.

    The key is claimed along with the view's first statement, and the answer stored along with the commit. Raises
    Invalid for an unusable key, KeyReused when the key stands for another request, and Conflict when a twin takes too
    long to end.
    """
    if not has_key():
        with transaction():
            return view()
    identity, request_hash, now = _identity(), _request_hash(), utc_now()
    try:
        with transaction():
            defer(_CLAIM, {**identity, "request_hash": request_hash, "now": now, "expired": now - KEPT_FOR})
            response = view()
            defer(_STORE, {**identity, "status": response.status_code, "body": response.get_data()})
    except (DBAPIError, HTTPException, ServiceError) as failure:
        return _stored(identity, request_hash, failure)
    return response


def once_in_parts(view: Callable[[], Response]) -> Response:
    """As `once`, for a view that commits in parts and that finds nothing left to do when it is called again.

    The key is stored with the answer once the view is done: a call that is cut short leaves no key, and the next one
    does the rest.
    """
    if not has_key():
        return view()
    identity = _identity()
    with transaction():
        stored = _find(identity)
    if stored is not None:
        return _replay(stored, _request_hash())
    response = view()
    return once(lambda: response)


def prune() -> int:
    """Delete expired keys, each batch in a transaction of its own; how many there were.

    A key that a request is claiming anew at this moment is left to it.
    """
    deleted = 0
    while True:
        with transaction():
            batch: Any = db.session.execute(_PRUNE, {"expired": utc_now() - KEPT_FOR, "batch": PRUNED_AT_ONCE})
        deleted += int(batch.rowcount)
        if batch.rowcount < PRUNED_AT_ONCE:
            return deleted


def has_key() -> bool:
    """Whether this request carries a key that counts."""
    return HEADER in request.headers and request.method in METHODS


def request_key() -> str | None:
    """The key this request carries. Raises Invalid for an unusable one."""
    return _identity()["key"] if HEADER in request.headers else None


def _identity() -> dict[str, str]:
    """Whose key and which. Raises Invalid for an unusable key."""
    key = request.headers[HEADER]
    if not _KEY.fullmatch(key):
        raise Invalid.field(HEADER, "Must be 1 to 255 visible ASCII characters.", location="headers")
    return {"caller": current_actor().identity, "key": key}


def _stored(identity: dict[str, str], request_hash: bytes, failure: Exception) -> Response:
    """What was answered to this key before, if that is why the request failed or it failed only now; else the failure.

    Raises Conflict when the twin that holds the key did not end in time.
    """
    driver_error = getattr(failure, "orig", None)
    if isinstance(driver_error, LockNotAvailable) and IdempotencyKey.__tablename__ in (driver_error.diag.context or ""):
        raise Conflict(
            "A request with this idempotency key is still running", reason=Reason.IDEMPOTENCY_IN_PROGRESS
        ) from None
    if isinstance(failure, DBAPIError) and not isinstance(driver_error, UniqueViolation):
        raise failure
    with transaction():
        stored = _find(identity)
    if stored is None:
        raise failure
    return _replay(stored, request_hash)


def _find(identity: dict[str, str]) -> Row[Any] | None:
    return db.session.execute(_STORED, {**identity, "expired": utc_now() - KEPT_FOR}).one_or_none()


def _replay(stored: Row[Any], request_hash: bytes) -> Response:
    if bytes(stored.request_hash) != request_hash:
        raise KeyReused("This idempotency key was used for another request")
    response = current_app.response_class(bytes(stored.body), stored.status, mimetype="application/json")
    response.headers[REPLAYED_HEADER] = "true"
    metrics.replayed(stored.status)
    return response


def _request_hash() -> bytes:
    # Whose account the token names is a part of what is asked for.
    account = str(current_actor().account_id or "").encode()
    path = request.path.rstrip("/").encode()
    parts = (request.method.encode(), path, request.query_string, request.get_data(), account)
    return hashlib.sha256(b"\n".join(hashlib.sha256(part).digest() for part in parts)).digest()
