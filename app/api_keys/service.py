"""Keys for machines: of staff, with any scope, and of customer accounts, each confined to its account.

Functions take the account whose keys the caller manages; None stands for the keys of staff and of all accounts.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row

from app import origin, tenancy
from app.api_keys import queries
from app.api_keys.permissions import ACCOUNT_SCOPES
from app.audit.models import ObjectType
from app.audit.recording import record
from app.auth.api_keys import secret
from app.auth.permissions import READ_ACCOUNT
from app.clock import utc_now
from app.customers import states
from app.db.base import db
from app.db.fast.prepared import AnyPrepared
from app.db.paging import Page
from app.errors import Conflict, Invalid, NotFound


class Terms(NamedTuple):
    """What a key is to be: of an account or of none, and until when, or for ever."""

    name: str
    scopes: Sequence[str]
    account_id: int | None = None
    expires_at: datetime | None = None


def search(account_id: int | None, arguments: Mapping[str, Any]) -> Page:
    """One page of the keys, revoked and expired ones too, newest first."""
    if account_id is None:
        tenancy.set_desk()
    scope = {} if account_id is None else {"account_id": account_id}
    return queries.KEYS.page(arguments, **scope)


def get(account_id: int | None, key_id: int) -> Row[Any]:
    """One key, without its secret. Raises NotFound."""
    if account_id is None:
        tenancy.set_desk()
    return _find(queries.KEY, account_id, key_id)


def create(account_id: int | None, terms: Terms) -> dict[str, Any]:
    """Issue a key; it has its secret as `key`, which nobody can read again.

    Raises NotFound for an account that is unknown or not the caller's, Forbidden for one that is closed, and Invalid
    for scopes that the key cannot have and an expiry that is past.
    """
    _enter(account_id)
    if account_id is not None:
        if terms.account_id not in {None, account_id}:
            raise NotFound(f"Account {terms.account_id} was not found")
        terms = terms._replace(account_id=account_id)
    now = utc_now()
    _check(terms, now)
    issued = secret.generate()
    values = {
        **terms._asdict(),
        "scopes": list(dict.fromkeys(terms.scopes)),
        "prefix": issued[: secret.SHOWN_CHARACTERS],
        "created_by": origin.current().actor,
        "created_at": now,
    }
    made = db.session.execute(queries.CREATE, values).one()
    _add_secret(made.id, issued, now)
    _record(made, after={name: getattr(made, name) for name in ("name", "scopes", "expires_at", "prefix")})
    return _with_secret(made, issued)


def rotate(account_id: int | None, key_id: int, overlap_seconds: int) -> dict[str, Any]:
    """Give a key a new secret, in `key`; the ones before it work for so many seconds more.

    Raises NotFound, Forbidden if its account is closed, and Conflict for a key that is revoked or has expired.
    """
    known = _lock(account_id, key_id)
    if known.account_id is not None:
        states.require_open_of(known.account_id)
    now = utc_now()
    if known.revoked_at is not None or (known.expires_at is not None and known.expires_at <= now):
        raise Conflict(f"API key {key_id} {'has expired' if known.revoked_at is None else 'is revoked'}")
    issued = secret.generate()
    ends_at = now + timedelta(seconds=overlap_seconds)
    db.session.execute(queries.END_SECRETS, {"key_id": key_id, "ends_at": ends_at})
    _add_secret(key_id, issued, now)
    prefix = issued[: secret.SHOWN_CHARACTERS]
    rotated = db.session.execute(queries.SET_PREFIX, {"key_id": key_id, "prefix": prefix}).one()
    _record(rotated, before={"prefix": known.prefix}, after={"prefix": prefix, "former_secrets_end_at": ends_at})
    return _with_secret(rotated, issued)


def revoke(account_id: int | None, key_id: int, reason: str) -> Row[Any]:
    """Revoke a key for good, also that of a closed account; one that is revoked stays as it is. Raises NotFound."""
    known = _lock(account_id, key_id)
    if known.revoked_at is not None:
        return known
    revoked = db.session.execute(queries.REVOKE, {"key_id": key_id, "now": utc_now()}).one()
    with origin.because(reason):
        _record(revoked, before={"revoked_at": None}, after={"revoked_at": revoked.revoked_at})
    return revoked


def erase(account_id: int) -> None:
    """Revoke the keys of an account, and empty what they are called and who made them; the caller records it."""
    db.session.execute(queries.ERASE, {"account_id": account_id, "now": utc_now()})


def _enter(account_id: int | None) -> None:
    # The guard of a customer has made the account the tenant.
    if account_id is None:
        tenancy.set_every_account()


def _check(terms: Terms, now: datetime) -> None:
    if terms.expires_at is not None and terms.expires_at <= now:
        raise Invalid.field("expires_at", "Must be in the future.")
    if terms.account_id is None:
        if READ_ACCOUNT in terms.scopes:
            raise Invalid.field("account_id", f"Is required for the scope {READ_ACCOUNT}.")
        return
    if not set(terms.scopes) <= set(ACCOUNT_SCOPES):
        raise Invalid.field("scopes", f"A key of an account can have {' and '.join(ACCOUNT_SCOPES)} only.")
    states.require_open_of(terms.account_id)


def _lock(account_id: int | None, key_id: int) -> Row[Any]:
    """Lock a key, so that changes of it are made one after the other. Raises NotFound."""
    _enter(account_id)
    return _find(queries.LOCK, account_id, key_id)


def _find(statement: AnyPrepared, account_id: int | None, key_id: int) -> Row[Any]:
    found = db.session.execute(statement, {"account_id": account_id, "key_id": key_id}).one_or_none()
    if found is None:
        raise NotFound(f"API key {key_id} was not found")
    return found


def _add_secret(key_id: int, issued: str, now: datetime) -> None:
    values = {"digest": secret.digest(issued), "key_id": key_id, "created_at": now}
    db.session.execute(queries.ADD_SECRET, values)


def _record(key: Row[Any], *, after: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> None:
    record(ObjectType.API_KEY, key.id, before=before, after=after, account_id=key.account_id)


def _with_secret(key: Row[Any], issued: str) -> dict[str, Any]:
    return {**key._asdict(), "key": issued}
