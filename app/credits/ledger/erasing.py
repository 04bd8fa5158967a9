"""Erasing whom holds and caps of an account are about. Transactions keep it: their hashes cover it."""

from app.credits.ledger.book import Book
from app.db.base import db
from app.db.fast.prepared import Prepared

_ERASE = Prepared(
    "UPDATE credit_holds SET user_id = '' WHERE account_id = :account_id AND user_id <> ''",
    "DELETE FROM credit_caps WHERE account_id = :account_id AND kind = 'member'",
    """
    UPDATE credit_balances SET is_capped = EXISTS (SELECT FROM credit_caps WHERE account_id = :account_id)
    WHERE account_id = :account_id
    """,
)


def erase(account_id: int) -> None:
    """Empty the persons of holds, and remove the caps of members, of a closed account."""
    Book([account_id]).write()
    db.session.execute(_ERASE, {"account_id": account_id})
