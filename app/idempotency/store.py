"""Claiming keys and storing responses, in the transaction of the effect, so that none exists without the others."""

from datetime import timedelta
from typing import Any, NamedTuple

from psycopg2.errors import LockNotAvailable, UniqueViolation
from sqlalchemy import bindparam, delete, insert, select, tuple_, update
from sqlalchemy.exc import DBAPIError

from app.clock import utc_now
from app.db.base import db
from app.db.fast.prepared import Prepared
from app.db.transaction import defer, transaction
from app.idempotency.models import IdempotencyKey

KEPT_FOR = timedelta(hours=24)
PRUNED_AT_ONCE = 5000

_OWN = (IdempotencyKey.caller == bindparam("caller"), IdempotencyKey.key == bindparam("key"))
# A twin that is still running holds the row: the claim waits for it to end, but not for ever.
_CLAIM = Prepared(
    "SET LOCAL lock_timeout = '10s'",
    delete(IdempotencyKey).where(*_OWN, IdempotencyKey.created_at <= bindparam("expired")),
    insert(IdempotencyKey).values(
        caller=bindparam("caller"),
        key=bindparam("key"),
        request_hash=bindparam("request_hash"),
        created_at=bindparam("now"),
    ),
)
_STORED = Prepared(
    select(IdempotencyKey.request_hash, IdempotencyKey.status, IdempotencyKey.body).where(
        *_OWN, IdempotencyKey.created_at > bindparam("expired")
    )
)
_STORE = Prepared(update(IdempotencyKey).where(*_OWN).values(status=bindparam("status"), body=bindparam("body")))
_EXPIRED = (
    select(IdempotencyKey.caller, IdempotencyKey.key)
    .where(IdempotencyKey.created_at <= bindparam("expired"))
    .order_by(IdempotencyKey.created_at)
    .limit(PRUNED_AT_ONCE)
    .with_for_update(skip_locked=True)
)
_PRUNE = delete(IdempotencyKey).where(tuple_(IdempotencyKey.caller, IdempotencyKey.key).in_(_EXPIRED))


class Key(NamedTuple):
    """A key as one caller sends it."""

    caller: str
    key: str


class Stored(NamedTuple):
    """The response to a request, and what was asked."""

    request_hash: bytes
    status: int
    body: bytes


def claim(key: Key, request_hash: bytes) -> None:
    """Claim the key for a request, along with its first statement.

    That fails when the key is claimed already: see `is_claimed`, and `is_running` for a twin that takes too long.
    """
    now = utc_now()
    defer(_CLAIM, {**key._asdict(), "request_hash": request_hash, "now": now, "expired": now - KEPT_FOR})


def store(key: Key, status: int, body: bytes) -> None:
    """Store the response to the request that claimed the key, along with the commit."""
    defer(_STORE, {**key._asdict(), "status": status, "body": body})


def find(key: Key) -> Stored | None:
    """The response that is stored for the key."""
    found = db.session.execute(_STORED, {**key._asdict(), "expired": utc_now() - KEPT_FOR}).one_or_none()
    return found and Stored(found.request_hash, found.status, found.body)


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
            batch: Any = db.session.execute(_PRUNE, {"expired": utc_now() - KEPT_FOR})
        deleted += int(batch.rowcount)
        if batch.rowcount < PRUNED_AT_ONCE:
            return deleted
