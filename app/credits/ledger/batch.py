"""Many debits at once: decided one by one in memory, written together.

Each is decided, in order, seeing what those before it did.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row

from app.credits import queries
from app.credits.ledger import causes, refusals, rule
from app.credits.ledger.book import Book
from app.credits.ledger.caps import Use
from app.credits.ledger.causes import Cause
from app.credits.ledger.standing import Standing
from app.credits.ledger.transactions import Transaction
from app.credits.models import TransactionType
from app.db.base import db
from app.errors import KeyReused, ServiceError

# What was posted now, or under the same key before.
Posted = Transaction | Row[Any]
Outcome = Posted | ServiceError


class Entry(NamedTuple):
    """Credits that are to go, in spending order: a deduction, which names its operation, or an adjustment.

    A deduction may carry a `usage_key`: sent again by the same caller, it is not charged again.
    """

    account_id: int
    credits: int
    transaction_type: TransactionType
    description: str
    operation_type: str | None = None
    usage_key: str | None = None
    user_id: str = ""
    key_id: int | None = None


def post(entries: Sequence[Entry], *, key_owner: str | None = None) -> list[Outcome]:
    """The transaction for each entry, or why there is none: PaymentRequired, Forbidden, NotFound or KeyReused.

    Usage keys are those of `key_owner`, which entries with a key need.
    """
    book = Book((entry.account_id for entry in entries), entries=len(entries), key_owner=key_owner)
    keyed, cause = _keyed(entries, key_owner), causes.current()
    outcomes = [_outcome(book, entry, keyed, cause) for entry in entries]
    book.write()
    return outcomes


def post_one(entry: Entry, *, key_owner: str | None = None) -> Posted:
    """The transaction for the entry. Raises PaymentRequired, Forbidden, NotFound or KeyReused."""
    (outcome,) = post([entry], key_owner=key_owner)
    if isinstance(outcome, ServiceError):
        raise outcome
    return outcome


def debit(standing: Standing, entry: Entry, cause: Cause) -> Transaction:
    """Post an entry. Raises PaymentRequired and Forbidden."""
    asked = standing.debit(entry.credits)
    decides = rule.REFUSAL_UNLESS_CLOSED if entry.operation_type is None else rule.REFUSAL
    refusal = decides.decide(asked)
    if refusal is not None:
        raise refusals.refused(refusal, entry.account_id, entry.credits, standing.available, standing.debt)
    if entry.operation_type is not None:
        standing.count(Use(entry.operation_type, entry.user_id, entry.key_id, standing.now), entry.credits)
    draws = standing.draw(entry.credits)
    posted = standing.record(entry.transaction_type, draws, entry.description, cause)
    if entry.operation_type is not None:
        posted.operation_type = entry.operation_type
        posted.usage_key = entry.usage_key
        posted.user_id, posted.key_id = entry.user_id, entry.key_id
        posted.cost_usd = rule.COST_USD.decide(asked)
    return posted


def _outcome(book: Book, entry: Entry, keyed: dict[tuple[int, str | None], Posted], cause: Cause) -> Outcome:
    """The transaction for an entry, or why there is none."""
    try:
        standing = book.standing(entry.account_id)
        before = keyed.get((entry.account_id, entry.usage_key))
        if before is not None:
            return before if _is_same(before, entry) else _key_reused(entry)
        posted = debit(standing, entry, cause)
    except ServiceError as failure:
        return failure
    if entry.usage_key is not None:
        keyed[entry.account_id, entry.usage_key] = posted
    return posted


def _keyed(entries: Iterable[Entry], key_owner: str | None) -> dict[tuple[int, str | None], Posted]:
    """The transactions that carry a key of these entries already."""
    sent = [(entry.account_id, entry.usage_key) for entry in entries if entry.usage_key is not None]
    if not sent:
        return {}
    account_ids, usage_keys = zip(*sent, strict=True)
    values = {"account_ids": list(account_ids), "usage_keys": list(usage_keys), "key_owner": key_owner}
    rows: Iterable[Row[Any]] = db.session.execute(queries.KEYED, values)
    return {(row.account_id, row.usage_key): row for row in rows}


def _is_same(posted: Posted, entry: Entry) -> bool:
    asked = (-entry.credits, entry.transaction_type, entry.operation_type, entry.description)
    return (posted.amount, posted.transaction_type, posted.operation_type, posted.description) == asked


def _key_reused(entry: Entry) -> KeyReused:
    return KeyReused(f"The key {entry.usage_key!r} was used for another item")
