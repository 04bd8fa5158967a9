"""What an account has, as its customer sees it, with whose it is and who made it. The account is the tenant."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Row

from app.audit import trail
from app.credits import balances, holds
from app.credits.ledger.lots import Lot
from app.credits.ledger.transactions import Transaction
from app.customers import team
from app.db.paging import Page
from app.desk import listed
from app.desk.accounts import Account
from app.origin import SERVICE
from app.purchases import invoices, payments


def transactions(account: Account, arguments: Mapping[str, Any]) -> Page:
    """One page of its transactions, newest first."""
    return _of(account, balances.transactions(account.id, arguments, listed.TRANSACTIONS))


def usage(account: Account, arguments: Mapping[str, Any]) -> Page:
    """One page of its usage, newest first."""
    return _of(account, balances.usage(account.id, arguments, listed.USAGE))


def lots(account: Account, arguments: Mapping[str, Any]) -> Page:
    """One page of its lots, newest first."""
    return _of(account, balances.lots(account.id, arguments, listed.LOTS))


def held(account: Account, arguments: Mapping[str, Any]) -> Page:
    """One page of its holds, newest first."""
    return _of(account, holds.of_account(account.id, arguments, listed.HOLDS))


def members(account: Account, arguments: Mapping[str, Any]) -> Page:
    """One page of its team, newest first."""
    return _of(account, team.members(account.id, arguments, listed.MEMBERS))


def issued_invoices(account: Account, arguments: Mapping[str, Any]) -> Page:
    """One page of its invoices, newest first."""
    return _of(account, invoices.search(account.id, arguments, listed.INVOICES))


def made_payments(account: Account, arguments: Mapping[str, Any]) -> Page:
    """One page of its payments, newest first."""
    return _of(account, payments.search(account.id, arguments, listed.EVERY_PAYMENT))


def history(account: Account, arguments: Mapping[str, Any]) -> Page:
    """One page of the changes of the account itself, newest first."""
    page = trail.of_account_itself(account.id, arguments)
    return _of(account, page.shown(lambda row: {**row._asdict(), "created_by": row.actor}))


def _of(account: Account, page: Page) -> Page:
    return page.shown(_shown_in(account))


def _shown_in(account: Account) -> Callable[[Any], dict[str, Any]]:
    place = {"account_id": account.id, "account_name": account.name}
    # What fell due and is not posted yet is created by the service. An invoice has the name of the account at the time
    # of issue.
    return lambda row: {"created_by": SERVICE, **place, **_values(row)}


def _values(row: Any) -> dict[str, Any]:
    match row:
        case dict():
            return row
        case Row():
            return row._asdict()
        case Lot() | Transaction():
            values = {each.name: getattr(row, each.name) for each in fields(row)}
            return {**values, "status": row.status} if isinstance(row, Lot) else values
        case _:
            raise TypeError(type(row).__name__)
