"""Corrections of budgets: what was consumed is taken back, a budget is added to, what remains is carried over."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from app import origin
from app.audit.models import ObjectType
from app.audit.recording import record, state_of
from app.billing_accounts import queries
from app.billing_accounts.ledger import budgets, refusals, reversal
from app.billing_accounts.models import BillingAccount
from app.clock import utc_now
from app.db import versions
from app.db.base import db
from app.errors import Conflict, Invalid, Reason


def reverse(account_id: int, *, reason: str, amount: Decimal | None = None, **line: Any) -> reversal.Reversed:
    """Take consumed amounts back, as `ledger.reversal.reverse` does."""
    with origin.because(reason):
        return reversal.reverse(account_id, amount, **line)


def adjust(account_id: int, amount: Decimal, *, reason: str, **fields: Any) -> Row[Any]:
    """Add to the budget, or take from it, as `ledger.budgets.adjust` does; the movement.

    `fields` are those of the account that change with it.
    """
    with origin.because(reason):
        account = db.session.get(BillingAccount, account_id, with_for_update={"key_share": True})
        if account is None:
            raise refusals.not_found(account_id)
        before = state_of(account)
        versions.touch(account)
        for name, value in fields.items():
            setattr(account, name, value)
        db.session.flush()
        record(ObjectType.BILLING_ACCOUNT, account_id, before=before, after=state_of(account))
        return budgets.adjust(account_id, amount)


def carry_over(
    account_id: int, to_billing_account_id: int, *, reason: str, amount: Decimal | None
) -> Sequence[Row[Any]]:
    """Move an amount, or all that remains, to the budget of another account of the same client; both movements.

    Raises Invalid (to itself), NotFound or Conflict (of another client), and what `ledger.budgets.carry_over` raises.
    """
    if to_billing_account_id == account_id:
        raise Invalid.field("toBillingAccountId", "Must be another account.")
    clients = _clients([account_id, to_billing_account_id])
    for each in (account_id, to_billing_account_id):
        if each not in clients:
            raise refusals.not_found(each)
    if len(set(clients.values())) > 1:
        raise Conflict("The billing accounts belong to different clients", reason=Reason.OTHER_CLIENT)
    with origin.because(reason):
        return budgets.carry_over(account_id, to_billing_account_id, amount)


def _clients(account_ids: Sequence[int]) -> dict[int, str]:
    """The clients of the accounts that exist, which change: they are locked, and their versions move."""
    rows = db.session.execute(queries.TOUCH, {"account_ids": account_ids, "now": utc_now()})
    return {row.id: row.client_id for row in rows}
