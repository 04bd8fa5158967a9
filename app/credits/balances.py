"""Reading the credits of an account: balance, lots, transactions and usage.

What fell due and is not posted yet is counted: see `ledger.forecast`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain, groupby
from typing import Any

from sqlalchemy import Result

from app.clock import utc_now
from app.credits import lot_queries, queries
from app.credits.ledger import forecast
from app.credits.ledger.forecast import Forecast
from app.credits.ledger.lots import Lot
from app.credits.ledger.transactions import Transaction
from app.db.base import db
from app.db.paging import EveryRow, ListQuery, Page, whole_list
from app.errors import NotFound


def balance(account_id: int) -> dict[str, Any]:
    """The balance of an account, what of it is held or expires, and the credits spent this month (UTC).

    Raises NotFound.
    """
    now = utc_now()
    values = {"account_id": account_id, "now": now, "month": now.date().replace(day=1)}
    found, due = forecast.read(
        account_id, lambda: known(account_id, db.session.execute(queries.BALANCE, values)), lambda row: row.due_at
    )
    expiring = list(zip(found.expiring_at or (), found.expiring_credits or (), strict=True))
    shown = found._asdict()
    if due is not None:
        standing = due.standing
        expiring = _expiring(standing.lots)
        shown |= {
            "credits": standing.credits,
            "credits_remaining": standing.credits,
            "credits_held": standing.held,
            "credits_frozen": standing.frozen,
            "credits_available": standing.available,
            "debt": standing.debt,
        }
    return {**shown, "expiring": [{"expires_at": at, "credits": credits} for at, credits in expiring]}


def known(account_id: int, found: Result[*tuple[Any, ...]]) -> Any:
    """The row of an account. Raises NotFound if there is none."""
    row = found.one_or_none()
    if row is None:
        raise NotFound(f"Account {account_id} was not found")
    return row


def transactions(account_id: int, arguments: Mapping[str, Any], listed: ListQuery | None = None) -> Page:
    """One page of the transactions of an account; those that are not posted yet have no id.

    `listed` is a query of the same rows with more columns.
    """
    query = listed or queries.TRANSACTIONS
    return _with_due(
        account_id,
        arguments,
        lambda page: query.page(page, account_id=account_id),
        lambda due: [each for each in due.transactions if _matches(each, arguments)],
    )


def usage(account_id: int, arguments: Mapping[str, Any], listed: ListQuery | None = None) -> Page:
    """One page of the usage of an account; `listed` as above."""
    return (listed or queries.USAGE).page(arguments, account_id=account_id)


def lots(account_id: int, arguments: Mapping[str, Any], listed: ListQuery | None = None) -> Page:
    """One page of the lots of an account, whatever became of them; one that is not posted yet has no id.

    `listed` as above.
    """
    query = listed or lot_queries.LOTS
    present: dict[int, Lot] = {}

    def unposted(due: Forecast) -> list[Lot]:
        present.update((lot.id, lot) for lot in due.standing.lots if lot.id is not None)
        return [lot for lot in due.standing.lots if lot.id is None]

    def as_it_is(row: Any) -> Any:
        if isinstance(row, Lot):
            return row
        lot = present.get(row.id)
        # Schemas look at the first row to tell how all are dumped.
        standing = {} if lot is None else {"remaining": lot.remaining, "held": lot.held, "status": lot.status}
        return {**row._asdict(), **standing}

    page = _with_due(account_id, arguments, lambda page: query.page(page, account_id=account_id), unposted)
    return page.shown(as_it_is) if present else page


def lots_of_transaction(account_id: int, transaction_id: int, arguments: Mapping[str, Any]) -> Page:
    """One page of the lots that the credits of a transaction went to or came from. Raises NotFound."""
    values = {"account_id": account_id, "transaction_id": transaction_id}
    rows = db.session.execute(lot_queries.LOTS_OF_TRANSACTION, values).all()
    if not rows:
        raise NotFound(f"Transaction {transaction_id} was not found")
    return whole_list(rows, arguments)


def plan_and_credits(account_id: int) -> dict[str, Any]:
    """The name of the plan that an account is on today (UTC), and its credit balance."""
    values = {"account_id": account_id, "now": utc_now()}
    found, due = forecast.read(
        account_id, lambda: db.session.execute(queries.PLAN_AND_CREDITS, values).one(), lambda row: row.due_at
    )
    return {"plan": found.plan, "credit_balance": found.credits if due is None else due.standing.credits}


def credits_of_accounts(account_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """The credits and debts of accounts, as their settings show them to staff, by their ids."""
    return {
        account_id: {
            "credit_balance": each.credits,
            "credits_held": each.held,
            "credits_frozen": each.frozen,
            "credits_available": each.available,
            "debt": each.debt,
        }
        for account_id, each in forecast.of_accounts(account_ids).standings.items()
    }


def _with_due(
    account_id: int,
    arguments: Mapping[str, Any],
    fetch: Callable[[Mapping[str, Any]], Page],
    unposted: Callable[[Forecast], Sequence[Any]],
) -> Page:
    """A page of a list, newest first, that begins with what is not posted yet."""
    page, due = forecast.read(account_id, lambda: fetch(arguments), _due_at)
    newest = [] if due is None else unposted(due)[::-1]
    if not newest:
        return page
    if isinstance(page, EveryRow):
        return replace(page, parts=chain([newest], page.parts))
    size, start = page.per_page, (page.page - 1) * page.per_page
    shown = newest[start : start + size]
    # The rest is of at most two pages of what is posted.
    skipped = max(0, start - len(newest))
    first = skipped // size + 1
    posted = [row for number in (first, first + 1) for row in fetch({**arguments, "page": number}).results]
    rest = posted[skipped % size :][: size - len(shown)]
    return replace(page, results=[*shown, *rest], count=page.count + len(newest))


def _due_at(page: Page) -> datetime | None:
    instant: datetime | None = page.results[0].due_at if page.results else None
    return instant


def _matches(each: Transaction, filters: Mapping[str, Any]) -> bool:
    kind, since, until = (filters.get(name) for name in ("transaction_type", "start_date", "end_date"))
    return (
        (kind is None or each.transaction_type == kind)
        and (since is None or each.created_at >= since)
        and (until is None or each.created_at <= until)
    )


def _expiring(lots: Iterable[Lot]) -> list[tuple[datetime, int]]:
    free = sorted((lot.expires_at, lot.free) for lot in lots if lot.expires_at is not None and lot.free)
    return [(at, sum(credits for _, credits in group)) for at, group in groupby(free, key=lambda each: each[0])]
