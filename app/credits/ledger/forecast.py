"""What fell due of an account and is not posted yet, for reads: they count it, and write nothing."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from app.clock import utc_now
from app.credits import queries
from app.credits.ledger import balances, loading
from app.credits.ledger.standing import Standing
from app.credits.ledger.transactions import Transaction
from app.db.base import db

Found = TypeVar("Found")
# Read by one statement.
ACCOUNTS_AT_ONCE = 500


class Forecast:
    """An account as the next write will find it once it has posted what fell due: the transactions of that."""

    def __init__(self, account_id: int) -> None:
        self.transactions: list[Transaction] = []
        found = loading.standings(balances.read([account_id]), self.transactions, utc_now())
        self.standing: Standing = found[account_id]
        self.read_at_due: datetime = self.standing.due_at
        loading.load_caps(found)
        loading.advance(found)


class Ahead(NamedTuple):
    """Several accounts as their next writes will find them, and the transactions of what fell due."""

    standings: dict[int, Standing]
    transactions: list[Transaction]


def of_accounts(account_ids: Sequence[int]) -> Ahead:
    """What fell due of accounts, if anything did."""
    ahead = Ahead({}, [])
    for start in range(0, len(account_ids), ACCOUNTS_AT_ONCE):
        rows = balances.read(account_ids[start : start + ACCOUNTS_AT_ONCE])
        found = loading.standings(rows, ahead.transactions, utc_now())
        loading.advance(found)
        ahead.standings.update(found)
    return ahead


def read(
    account_id: int, fetch: Callable[[], Found], due_at: Callable[[Found], datetime | None]
) -> tuple[Found, Forecast | None]:
    """What `fetch` finds of an account, and what fell due, if anything did.

    `due_at` says before when nothing fell due, as of what was found; None when nothing was. Both are of one state of
    the account: every write posts what fell due, which changes that instant.
    """
    while True:
        found = fetch()
        known = due_at(found)
        before = _due_at(account_id) if known is None else known
        if before > utc_now():
            return found, None
        forecast = Forecast(account_id)
        if forecast.read_at_due == before == _due_at(account_id):
            return found, forecast


def now_of(moved_at: datetime) -> datetime:
    """The time of an account: the later of the clock and its last change."""
    return max(utc_now(), moved_at)


def _due_at(account_id: int) -> datetime:
    instant: datetime = db.session.execute(queries.CREDITS, {"account_id": account_id}).one().due_at
    return instant
