"""Customer accounts with their credits: opening accounts, and their settings."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from app.auth.actor import Actor
from app.clock import whole_milliseconds
from app.credits import balances, plans
from app.customers import accounts, countries
from app.db.versions import Expected
from app.errors import Invalid

# Settings that are read-only.
_FIXED = frozenset({"id", "slug", "status", "plan", "credit_balance", "billing_country_code", "created_at"})


def create(actor: Actor, values: Mapping[str, Any], *, limit: int) -> dict[str, Any]:
    """Open an account owned by the caller, with the first credits of its plan unless the caller received some before.

    Raises Forbidden for a token without a user id, and Conflict if the caller already owns an account or opened `limit`
    accounts.
    """
    opened = accounts.create(actor, values, limit=limit)
    plans.start(opened.account.id, first_credits=opened.is_first)
    return _with_balance(opened.account)


def settings(account_id: int) -> dict[str, Any]:
    """The settings of an account, with its plan, its credit balance and the code of its country."""
    return _with_balance(accounts.settings(account_id))


def update_settings(account_id: int, changes: Mapping[str, Any], expected: Expected) -> dict[str, Any]:
    """Update the settings of an account.

    Raises PreconditionFailed, Forbidden for a closed account, and Invalid if a read-only setting is sent with another
    value.
    """
    fixed = {name: value for name, value in changes.items() if name in _FIXED}
    if fixed:
        _require_unchanged(fixed, _with_balance(accounts.settings(account_id)))
    return _with_balance(accounts.update(account_id, changes, expected))


def _require_unchanged(sent: Mapping[str, Any], present: Mapping[str, Any]) -> None:
    for name, value in sent.items():
        known = present[name]
        # Timestamps are sent as in responses, with milliseconds.
        if isinstance(known, datetime):
            known = whole_milliseconds(known)
        if value != known:
            raise Invalid.field(name, "Cannot be changed.")


def _with_balance(account: Row[Any]) -> dict[str, Any]:
    code = countries.code_of(account.billing_country)
    return {**account._asdict(), "billing_country_code": code, **balances.plan_and_credits(account.id)}
