"""Claims keys and stores responses in the transaction of the effect, so that all are committed together."""

from datetime import timedelta
from typing import Any, NamedTuple

from psycopg2.errors import LockNotAvailable, UniqueViolation
from sqlalchemy import bindparam, cast, delete, func, insert, select, tuple_, update
from sqlalchemy.exc import DBAPIError

from app import origin
from app.clock import utc_now
from app.db.base import db
from app.db.columns import values_of
from app.db.fast.prepared import Prepared
from app.db.transaction import defer, transaction
from app.idempotency.models import IdempotencyKey
from app.tenancy import EVERY_ACCOUNT, SETTING

KEPT_FOR = timedelta(hours=24)
PRUNED_AT_ONCE = 5000

_OWN = (IdempotencyKey.caller == bindparam("caller"), IdempotencyKey.key == bindparam("key"))
# A request in progress with the same key holds the row: the claim waits for it, up to this limit.
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
    select(IdempotencyKey.request_hash, IdempotencyKey.status, IdempotencyKey.body, IdempotencyKey.etag).where(
        *_OWN, IdempotencyKey.created_at > bindparam("expired")
    )
)
# The account is that which the caller acts in, else the tenant of the transaction, unless that is all of them.
_TENANT = func.nullif(func.nullif(func.current_setting(SETTING, True), ""), EVERY_ACCOUNT)
_STORE = Prepared(
    update(IdempotencyKey)
    .where(*_OWN)
    .values(
        **values_of(IdempotencyKey.status, IdempotencyKey.body, IdempotencyKey.etag),
        account_id=func.coalesce(
            cast(bindparam("account_id"), IdempotencyKey.account_id.type),
            cast(_TENANT, IdempotencyKey.account_id.type),
        ),
    )
)
# Keys live for a day: an index would cost every request more than it spares this one.
_FORGET = Prepared(delete(IdempotencyKey).where(IdempotencyKey.account_id == bindparam("account_id")))
_EXPIRED = (
    select(IdempotencyKey.caller, IdempotencyKey.key)
    .where(IdempotencyKey.created_at <= bindparam("expired"))
    .order_by(IdempotencyKey.created_at)
    .limit(PRUNED_AT_ONCE)
    .with_for_update(skip_locked=True)
)
_PRUNE = delete(IdempotencyKey).where(tuple_(IdempotencyKey.caller, IdempotencyKey.key).in_(_EXPIRED))


class Key(NamedTuple):
    """An idempotency key, scoped to its caller."""

    caller: str
    key: str


class Stored(NamedTuple):
    """A stored response, and the hash of its request."""

    request_hash: bytes
    status: int
    body: bytes
    etag: str | None


def claim(key: Key, request_hash: bytes) -> None:
    """Claim the key for a request, together with its first statement.

    That statement fails if the key is taken (see `is_claimed`), or if a request with the key is still in progress after
    the time limit (see `is_running`).
    """
    now = utc_now()
    defer(_CLAIM, {**key._asdict(), "request_hash": request_hash, "now": now, "expired": now - KEPT_FOR})


def store(key: Key, status: int, body: bytes, etag: str | None) -> None:
    """Store the response of the request that claimed the key, together with the commit."""
    values = {**key._asdict(), "status": status, "body": body, "etag": etag}
    defer(_STORE, {**values, "account_id": origin.current().account_id})


def forget(account_id: int) -> None:
    """Delete the keys whose responses are about a customer account."""
    db.session.execute(_FORGET, {"account_id": account_id})


def find(key: Key) -> Stored | None:
    """The stored response of the key, or None."""
    found = db.session.execute(_STORED, {**key._asdict(), "expired": utc_now() - KEPT_FOR}).one_or_none()
    return found and Stored(found.request_hash, found.status, found.body, found.etag)


def is_claimed(failure: DBAPIError) -> bool:
    """Whether a statement failed because the claimed key is taken."""
    return isinstance(failure.orig, UniqueViolation)


def is_running(failure: Exception) -> bool:
    """Whether a statement failed because a request with the key was still in progress after the time limit."""
    driver_error = getattr(failure, "orig", None)
    return isinstance(driver_error, LockNotAvailable) and IdempotencyKey.__tablename__ in (
        driver_error.diag.context or ""
    )


def prune() -> int:
    """Delete expired keys, one transaction per batch, and return their number.

    Keys that a request is claiming again at the same time are skipped.
    """
    deleted = 0
    while True:
        with transaction():
            batch: Any = db.session.execute(_PRUNE, {"expired": utc_now() - KEPT_FOR})
        deleted += int(batch.rowcount)
        if batch.rowcount < PRUNED_AT_ONCE:
            return deleted
