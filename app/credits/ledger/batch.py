"""Many transactions at once: decided one by one in memory, written together by one statement.

The balances concerned are locked first, in id order. Each entry is then decided, in order, seeing what those before it
did. The statement is text: transactions, balances and totals are written at once.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Row

from app.audit import cause
from app.clock import utc_now
from app.credits import queries
from app.credits.ledger import balances, journal, refusals, rule
from app.credits.models import TransactionType
from app.db.base import db
from app.db.fast.prepared import Prepared
from app.db.transaction import defer
from app.errors import KeyReused, ServiceError, only

WRITTEN = {
    "account_id": "bigint",
    "position": "bigint",
    "id": "bigint",
    "amount": "bigint",
    "transaction_type": "text",
    "description": "text",
    "operation_type": "text",
    "cost_usd": "numeric",
    "usage_key": "text",
    "balance_after": "bigint",
    "bought_after": "bigint",
    "purchase_position": "bigint",
}
_ARRAYS = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in WRITTEN.items())
_POSTED = journal.selected_in_order(
    usage_key_owner="CASE WHEN usage_key IS NOT NULL THEN CAST(:key_owner AS text) END", created_at=":now"
)
WRITE = Prepared(f"""
    WITH posted AS (
        INSERT INTO credit_transactions ({journal.COLUMNS})
        SELECT {_POSTED}
        FROM unnest({_ARRAYS}) AS written ({", ".join(WRITTEN)})
        JOIN (SELECT account_id, head FROM credit_balances) AS balance USING (account_id)
        RETURNING account_id, position, amount, transaction_type, balance_after, bought_after, hash
    ), balance AS (
        UPDATE credit_balances AS b SET credits = last.balance_after, bought = last.bought_after,
            transactions = last.position, head = last.hash
        FROM (SELECT DISTINCT ON (account_id) * FROM posted ORDER BY account_id, position DESC) AS last
        WHERE b.account_id = last.account_id
    )
    INSERT INTO credit_daily_totals AS kept (account_id, day, transaction_type, total, count)
    SELECT account_id, :day, transaction_type, sum(amount), count(*) FROM posted
    GROUP BY account_id, transaction_type ORDER BY account_id, transaction_type
    {balances.ADD_TO_DAY}
""")

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


def post(entries: Sequence[Entry], *, key_owner: str | None = None) -> list[Outcome]:
    """The transaction for each entry, or why there is none: PaymentRequired, NotFound or KeyReused.

    Usage keys are those of `key_owner`, which entries with a key need.
    """
    book = _Book(entries, key_owner)
    outcomes = [book.decide(entry) for entry in entries]
    book.write()
    return outcomes


def post_one(entry: Entry) -> Transaction:
    """The transaction for the entry. Raises PaymentRequired or NotFound."""
    return only(post([entry]))


class _Balance:
    """A locked balance, as it is after the entries decided so far."""

    def __init__(self, row: Row[Any]) -> None:
        self.credits: int = row.credits
        self.bought: int = row.bought
        self.transactions: int = row.transactions
        self._usd_per_credit: Decimal = row.usd_per_credit

    def posting(self, entry: Entry) -> rule.Posting:
        """What the entry asks of the balance as it is."""
        kind = entry.transaction_type
        of_purchase = entry.purchase is not None or kind == TransactionType.PURCHASE
        return rule.Posting(kind, entry.amount, of_purchase, self.credits, self.bought, self._usd_per_credit)


class _Book:
    """The balances of one call, and what was decided on them."""

    def __init__(self, entries: Sequence[Entry], key_owner: str | None) -> None:
        account_ids = sorted({entry.account_id for entry in entries})
        rows = balances.lock(account_ids, entries=len(entries))
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
            return refusals.not_found(entry.account_id)
        before = self._keyed.get((entry.account_id, entry.usage_key))
        if before is not None:
            return before if _is_same(before, entry) else _key_reused(entry)
        posting = balance.posting(entry)
        if rule.REFUSAL.decide(posting) is not None:
            return refusals.too_few(-entry.amount, balance.credits)
        return self._accept(balance, entry, posting)

    def write(self) -> None:
        """Write what was decided, along with the next statement or the commit."""
        if not self._posted:
            return
        columns = {name: [posted[name] for posted in self._posted] for name in WRITTEN}
        common = {"key_owner": self._key_owner, "now": self._now, "day": self._now.date()}
        defer(WRITE, {**columns, **common, **cause.current()})

    def _accept(self, balance: _Balance, entry: Entry, posting: rule.Posting) -> Transaction:
        balance.credits += entry.amount
        balance.bought = rule.BOUGHT_AFTER.decide(posting)
        balance.transactions += 1
        purchase = balance.transactions if entry.transaction_type == TransactionType.PURCHASE else entry.purchase
        posted: Transaction = {
            **entry._asdict(),
            "position": balance.transactions,
            "id": next(self._ids),
            "credits_used": -entry.amount,
            "cost_usd": rule.COST_USD.decide(posting),
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


def _key_reused(entry: Entry) -> KeyReused:
    return KeyReused(f"The key {entry.usage_key!r} was used for another item")
