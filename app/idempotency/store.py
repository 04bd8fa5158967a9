"""Claiming keys and storing responses, in the transaction of the effect, so that none exists without the others."""

from datetime import timedelta
from typing import Any, NamedTuple

from psycopg2.errors import LockNotAvailable, UniqueViolation
from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError

from app.clock import utc_now
from app.db.base import db
from app.db.fast.prepared import Prepared
from app.db.transaction import defer, transaction
from app.idempotency.models import IdempotencyKey

KEPT_FOR = timedelta(hours=24)
PRUNED_AT_ONCE = 5000

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


class Key(NamedTuple):
    """A key as one caller sends it."""

    caller: str
    key: str


def claim(key: Key, request_hash: bytes) -> None:
    """Claim the key for a request, along with its first statement.

    That fails when the key is claimed already: see `is_claimed`, and `is_running` for a twin that takes too long.
    """
    now = utc_now()
    defer(_CLAIM, {**key._asdict(), "request_hash": request_hash, "now": now, "expired": now - KEPT_FOR})


def store(key: Key, status: int, body: bytes) -> None:
    """Store the response to the request that claimed the key, along with the commit."""
    defer(_STORE, {**key._asdict(), "status": status, "body": body})


def find(key: Key) -> Row[tuple[bytes, int, bytes]] | None:
    """The response that is stored for the key (`request_hash`, `status`, `body`)."""
    return db.session.execute(_STORED, {**key._asdict(), "expired": utc_now() - KEPT_FOR}).one_or_none()


def is_claimed(failure: DBAPIError) -> bool:
    """Whether a statement failed as one does that goes along with the claim of a key that is taken."""
    return isinstance(failure.orig, UniqueViolation)


def is_running(failure: Exception) -> bool:
    """Whether a statement failed because the twin that holds the key did not end in time."""
    driver_error = getattr(failure, "orig", None)
    return isinstance(driver_error, LockNotAvailable) and IdempotencyKey.__tablename__ in (
        driver_error.diag.context or ""
    )


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
