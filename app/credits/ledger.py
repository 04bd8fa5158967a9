"""The only writer of balances and transactions.

The balances concerned are locked first, in id order. Each entry is then decided in memory, in order, seeing what those
before it did, and everything is written by one statement, however many entries there are. A single deduction, of which
a busy account has many at once, is decided by the database instead: its lock is held for no round trip.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Row

from app.clock import utc_now
from app.credits import queries
from app.credits.models import TransactionType
from app.db.base import db
from app.db.transaction import defer
from app.errors import KeyReused, NotFound, PaymentRequired, ServiceError, only

Transaction = dict[str, Any]
Outcome = Transaction | ServiceError


class Entry(NamedTuple):
    """A requested change of a balance: `amount` is negative for a deduction.

    A deduction names its operation, and may carry a `usage_key`: sent again by the same caller, it is not charged
    again. What a refund takes or gives back names the position of its `purchase`, of which no more may be taken than
    `bought.unspent`.
    """

    account_id: int
    amount: int
    transaction_type: TransactionType
    description: str
    operation_type: str | None = None
    usage_key: str | None = None
    purchase: int | None = None


def post(entries: Sequence[Entry], *, created_by: str, key_owner: str | None = None) -> list[Outcome]:
    """The transaction for each entry, or why there is none: PaymentRequired, NotFound or KeyReused.

    Usage keys are those of `key_owner`, which entries with a key need.
    """
    book = _Book(entries, key_owner)
    outcomes = [book.decide(entry) for entry in entries]
    book.write(created_by)
    return outcomes


def post_one(entry: Entry, *, created_by: str) -> Transaction:
    """The transaction for the entry. Raises PaymentRequired or NotFound."""
    return only(post([entry], created_by=created_by))


def spend(account_id: int, credits_used: int, operation_type: str, description: str, *, created_by: str) -> Row[Any]:
    """Deduct credits for one operation; the transaction. Raises PaymentRequired or NotFound."""
    values = {
        "account_id": account_id,
        "credits_used": credits_used,
        "operation_type": operation_type,
        "description": description,
        "created_by": created_by,
        "now": utc_now(),
    }
    posted = db.session.execute(queries.SPEND, values).one_or_none()
    if posted is None:
        raise _not_found(account_id)
    if posted.id is None:
        raise _too_few(credits_used, posted.available)
    return posted


class _Balance:
    """A locked balance, as it is after the entries decided so far."""

    def __init__(self, row: Row[Any]) -> None:
        self.credits: int = row.credits
        self.bought: int = row.bought
        self.transactions: int = row.transactions
        self.usd_per_credit: Decimal = row.usd_per_credit


class _Book:
    """The balances of one call, and what was decided on them."""

    def __init__(self, entries: Sequence[Entry], key_owner: str | None) -> None:
        account_ids = sorted({entry.account_id for entry in entries})
        values = {"account_ids": account_ids, "entries": len(entries)}
        rows = db.session.execute(queries.LOCK_BALANCES, values).all()
        self._balances = {row.account_id: _Balance(row) for row in rows}
        # In the order of the entries, whichever of them are accepted.
        self._ids = iter(rows[0].ids or () if rows else ())
        self._key_owner = key_owner
        self._keyed = _keyed(entries, key_owner)
        self._posted: list[Transaction] = []
        # Once the locks are held: of two calls, the later one has the later time.
        self._now = utc_now()

    def decide(self, entry: Entry) -> Outcome:
        """The transaction for an entry, or why there is none."""
        balance = self._balances.get(entry.account_id)
        if balance is None:
            return _not_found(entry.account_id)
        before = self._keyed.get((entry.account_id, entry.usage_key))
        if before is not None:
            return before if _is_same(before, entry) else _key_reused(entry)
        if balance.credits + entry.amount < 0:
            return _too_few(-entry.amount, balance.credits)
        return self._accept(balance, entry)

    def write(self, created_by: str) -> None:
        """Write what was decided, along with the next statement or the commit."""
        if not self._posted:
            return
        columns = {name: [posted[name] for posted in self._posted] for name in queries.WRITTEN}
        common = {"key_owner": self._key_owner, "created_by": created_by, "now": self._now, "day": self._now.date()}
        defer(queries.WRITE, {**columns, **common})

    def _accept(self, balance: _Balance, entry: Entry) -> Transaction:
        balance.credits += entry.amount
        balance.transactions += 1
        purchase = balance.transactions if entry.transaction_type == TransactionType.PURCHASE else entry.purchase
        if purchase is not None:
            balance.bought += entry.amount
        # What was given is spent first.
        balance.bought = min(balance.bought, balance.credits)
        cost = None
        if entry.transaction_type == TransactionType.DEDUCTION:
            # Whole credits at a price of 6 decimals: nothing is rounded before it is shown.
            cost = -entry.amount * balance.usd_per_credit
        posted: Transaction = {
            **entry._asdict(),
            "position": balance.transactions,
            "id": next(self._ids),
            "credits_used": -entry.amount,
            "cost_usd": cost,
            "balance_after": balance.credits,
            "bought_after": balance.bought,
            "purchase_position": purchase,
            "created_at": self._now,
        }
        self._posted.append(posted)
        if entry.usage_key is not None:
            self._keyed[entry.account_id, entry.usage_key] = posted
        return posted


def _keyed(entries: Iterable[Entry], key_owner: str | None) -> dict[tuple[int, str | None], Transaction]:
    """The transactions that carry a key of these entries already."""
    sent = [(entry.account_id, entry.usage_key) for entry in entries if entry.usage_key is not None]
    if not sent:
        return {}
    account_ids, usage_keys = zip(*sent, strict=True)
    values = {"account_ids": list(account_ids), "usage_keys": list(usage_keys), "key_owner": key_owner}
    rows = db.session.execute(queries.KEYED, values).mappings()
    return {(row["account_id"], row["usage_key"]): {**row, "credits_used": -row["amount"]} for row in rows}


def _is_same(posted: Transaction, entry: Entry) -> bool:
    names = ("amount", "transaction_type", "operation_type", "description")
    return all(posted[name] == getattr(entry, name) for name in names)


def _not_found(account_id: int) -> NotFound:
    return NotFound(f"Account {account_id} was not found")


def _too_few(requested: int, available: int) -> PaymentRequired:
    return PaymentRequired(
        f"{requested} credits are needed, {available} are left",
        details={"available": available, "requested": requested},
    )


def _key_reused(entry: Entry) -> KeyReused:
    return KeyReused(f"The key {entry.usage_key!r} was used for another item")
