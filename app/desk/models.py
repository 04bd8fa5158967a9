"""Indexes for the reports and the search, on the transactions of all accounts."""

from sqlalchemy import Index, text

from app.credits.models import CreditTransaction

# Of a transaction: that it takes credits because their price was returned, or gives them again. These are few.
IS_CLAIM = "transaction_type IN ('refund', 'chargeback') AND reverses IS NULL"

# Transactions of a month lie together, and of a range of ids: an index of ranges of them costs writes nothing. The
# ranges are summarized as they fill up, not by the next VACUUM.
Index(
    "ix_credit_transactions_ranges",
    CreditTransaction.created_at,
    CreditTransaction.id,
    postgresql_using="brin",
    postgresql_with={"autosummarize": "on"},
)
Index("ix_credit_transactions_claims", CreditTransaction.account_id, postgresql_where=text(IS_CLAIM))
