"""Indexes for the reports, on the transactions of all accounts."""

from sqlalchemy import Index, text

from app.credits.models import CreditTransaction

# Of a transaction: that it takes credits because their price was returned, or gives them again. These are few.
IS_CLAIM = "transaction_type IN ('refund', 'chargeback') AND reverses IS NULL"

# The transactions of a month lie together: an index of ranges of them costs writes nothing.
Index("ix_credit_transactions_month", CreditTransaction.created_at, postgresql_using="brin")
Index("ix_credit_transactions_claims", CreditTransaction.account_id, postgresql_where=text(IS_CLAIM))
