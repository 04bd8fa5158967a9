"""Customer accounts with their credits: opening one, and its settings."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from app.auth.actor import Actor
from app.credits import balances, plans
from app.customers import accounts
from app.errors import Invalid

# Settings that are shown and never change by being sent.
_FIXED = frozenset({"id", "slug", "credit_balance", "created_at"})


def create(actor: Actor, values: Mapping[str, Any], *, limit: int) -> dict[str, Any]:
    """A new account that the caller owns, with its plan's first credits unless the caller got such before.

    Raises Forbidden for a token that names no user, and Conflict when they own one or opened as many as `limit`.
    """
    opened = accounts.create(actor, values, limit=limit)
    plans.start(opened.account.id, first_credits=opened.is_first)
    return _with_balance(opened.account)


def settings(account_id: int) -> dict[str, Any]:
    """What an account says of itself, with its balance."""
    return _with_balance(accounts.settings(account_id))


def update_settings(account_id: int, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change what an account says of itself. Raises Invalid when what cannot be changed is sent with another value."""
    fixed = {name: value for name, value in changes.items() if name in _FIXED}
    if fixed:
        _require_unchanged(fixed, _with_balance(accounts.settings(account_id)))
    return _with_balance(accounts.update(account_id, changes))


def _require_unchanged(sent: Mapping[str, Any], present: Mapping[str, Any]) -> None:
    for name, value in sent.items():
        known = present[name]
        # Times are sent as they are shown: with milliseconds.
        if isinstance(known, datetime):
            known = known.replace(microsecond=known.microsecond // 1000 * 1000)
        if value != known:
            raise Invalid.field(name, "Cannot be changed.")


def _with_balance(account: Row[Any]) -> dict[str, Any]:
    return {**account._asdict(), "credit_balance": balances.credits_of(account.id)}
