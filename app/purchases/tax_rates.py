"""Tax rates of countries, each for a range of days."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from app.audit.models import ObjectType
from app.audit.recording import record
from app.clock import utc_now
from app.db import versions
from app.db.base import db
from app.db.paging import Page
from app.db.versions import Expected
from app.errors import Conflict, Invalid, NotFound
from app.purchases import tax_queries as queries

_TERMS = ("country", "rate", "valid_from", "valid_to")


def search(arguments: Mapping[str, Any]) -> Page:
    """One page of the tax rates, newest first."""
    return queries.RATES.page(arguments)


def get(rate_id: int) -> Row[Any]:
    """A tax rate. Raises NotFound."""
    rate = db.session.execute(queries.RATE, {"rate_id": rate_id}).one_or_none()
    if rate is None:
        raise NotFound(f"Tax rate {rate_id} was not found")
    return rate


def create(values: Mapping[str, Any]) -> Row[Any]:
    """Create a tax rate, for purchases from then on. Raises Conflict if the country has another rate on these days."""
    terms = {"valid_to": None, **values}
    _require_free(terms, None)
    rate = db.session.execute(queries.CREATE_RATE, {**terms, "now": utc_now()}).one()
    record(ObjectType.TAX_RATE, rate.id, after=_terms(rate))
    return rate


def update(rate_id: int, changes: Mapping[str, Any], expected: Expected = None) -> Row[Any]:
    """Change a tax rate, for purchases from now on: issued invoices keep their tax.

    Raises NotFound, Invalid for a first day after the last one, Conflict as `create` does, and PreconditionFailed.
    """
    # Before the lock is waited for: an unknown rate is no reason to wait.
    get(rate_id)
    db.session.execute(queries.ONE_CHANGE_AT_A_TIME)
    present = get(rate_id)
    versions.require(present.version, expected)
    terms = {**_terms(present), **changes}
    if terms["valid_to"] is not None and terms["valid_from"] > terms["valid_to"]:
        raise Invalid.field("valid_from", "valid_from must not be after valid_to.")
    _require_free(terms, rate_id)
    values = {**terms, "rate_id": rate_id, "now": utc_now()}
    changed = db.session.execute(queries.UPDATE_RATE, values).one()
    record(ObjectType.TAX_RATE, rate_id, before=_terms(present), after=terms)
    return changed


def overlaps(other: Mapping[str, Any]) -> Conflict:
    """The failure of a rate whose country has another one on some of its days."""
    until = f"to {other['valid_to']}" if other["valid_to"] else "on"
    return Conflict(
        f"{other['country']} has another rate from {other['valid_from']} {until}",
        details={"tax_rate_id": other["id"], "valid_from": other["valid_from"], "valid_to": other["valid_to"]},
    )


def _require_free(terms: Mapping[str, Any], rate_id: int | None) -> None:
    db.session.execute(queries.ONE_CHANGE_AT_A_TIME)
    other = db.session.execute(queries.OVERLAPPING, {**terms, "rate_id": rate_id}).one_or_none()
    if other is not None:
        raise overlaps(other._asdict())


def _terms(rate: Row[Any]) -> dict[str, Any]:
    return {name: getattr(rate, name) for name in _TERMS}
