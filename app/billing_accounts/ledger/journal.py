"""What every statement that changes a budget appends to its journal.

The row lock of the budget orders its movements: `movements` counts them, so a position is the count of the statement's
own UPDATE, and `moved_at` keeps the time of the last, below which no later one may fall.
"""

# The columns of a movement, in the order in which statements select them; those of `ORIGIN` are the last.
COLUMNS = """
    billing_account_id, position, at, kind, entry_id, external_type, external_id, external_name,
    budget_delta, locked_delta, consumed_delta, budget_after, locked_after, consumed_after,
    actor, actor_kind, reason, request_id
"""
# As parameters: the fields of `app.origin.Origin`.
ORIGIN = ":actor, :actor_kind, :reason, :request_id"
