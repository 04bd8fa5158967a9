"""The accounts of customers, as staff find them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row

from app import tenancy
from app.clock import utc_now
from app.credits import balances
from app.customers import countries
from app.db.base import db
from app.db.paging import Page
from app.desk import queries, words
from app.errors import NotFound
from app.identifiers import fold_ascii


class Account(NamedTuple):
    """The account that a request is about."""

    id: int
    name: str


def enter(account_id: int) -> Account:
    """The account, which is the tenant of the transaction from here on. Raises NotFound."""
    tenancy.set_account(account_id)
    name = db.session.execute(queries.NAME, {"account_id": account_id}).scalar_one_or_none()
    if name is None:
        raise unknown(account_id)
    return Account(account_id, name)


def unknown(account_id: int) -> NotFound:
    """The failure of an account that there is not."""
    return NotFound(f"Account {account_id} was not found")


def search(arguments: Mapping[str, Any]) -> Page:
    """One page of all accounts that match, newest first. Balances count what fell due and is not posted yet."""
    known_due = _every_due() if arguments["per_page"] is None else None
    asked = {name: value for name, value in arguments.items() if value != ""}
    page = queries.ACCOUNTS.page(asked, now=utc_now(), **words.look_for(asked.get("search", "")).values)
    return page.shown(_with_balances(_due(page.results) if known_due is None else known_due))


def get(account: Account) -> dict[str, Any]:
    """The account with its settings and its balance."""
    row = db.session.execute(queries.ACCOUNT, {"account_id": account.id, "now": utc_now()}).one()
    return _with_balances(_due([row]))(row)


def _due(rows: Sequence[Row[Any]]) -> list[int]:
    now = utc_now()
    return [row.id for row in rows if row.due_at <= now]


def _every_due() -> list[int]:
    return list(db.session.execute(queries.DUE_ACCOUNTS, {"now": utc_now()}).scalars())


def _with_balances(due: Sequence[int]) -> Callable[[Row[Any]], dict[str, Any]]:
    """What shows an account, whose balance is not the stored one if something is due."""
    ahead = balances.credits_of_accounts(due)

    def show(row: Row[Any]) -> dict[str, Any]:
        code = countries.code_of(row.billing_country)
        return {**row._asdict(), "billing_country_code": code, **ahead.get(row.id, {})}

    return show


def look_up(arguments: Mapping[str, Any]) -> Page:
    """One page of the accounts of the person with a user id or an e-mail address, first joined first."""
    email = arguments.get("email")
    if email is None:
        return queries.ACCOUNTS_OF_USER.page(arguments)
    return queries.ACCOUNTS_OF_EMAIL.page(arguments, email=fold_ascii(email), **words.look_for(email).values)
