"""What a customer's account is made of: settings from `customers`, credits from `credits`."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from app.auth.actor import Actor
from app.credits import balances, plans
from app.customers import accounts, membership


def create(actor: Actor, values: Mapping[str, Any], *, limit: int) -> dict[str, Any]:
    """A new account that the caller owns, with its plan's first credits unless the caller got such before.

    Raises Forbidden for a token that names no user, and Conflict when they own one or opened as many as `limit`.
    """
    opened = accounts.create(actor, values, limit=limit)
    plans.start(opened.account.id, first_credits=opened.is_first)
    return _with_balance(opened.account)


def settings(actor: Actor) -> dict[str, Any]:
    """The caller's account."""
    return _with_balance(accounts.settings(membership.enter(actor).account_id))


def update_settings(actor: Actor, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change the caller's account. Raises Forbidden unless the caller manages it."""
    return _with_balance(accounts.update(membership.enter_as_manager(actor).account_id, changes))


def _with_balance(account: Row[Any]) -> dict[str, Any]:
    return {**account._asdict(), "credit_balance": balances.credits_of(account.id)}
