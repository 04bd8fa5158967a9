"""What every statement that posts transactions writes of them, and how each is chained to the last.

The row lock of the balance orders them: `transactions` counts them, and `head` keeps the hash of the last.
"""

from app.audit.cause import CAUSE
from app.audit.chains import Chain

# The columns of a transaction that its hash covers, in this order, and their types.
CONTENT = {
    "account_id": "bigint",
    "position": "bigint",
    "id": "bigint",
    "amount": "bigint",
    "transaction_type": "text",
    "description": "text",
    "operation_type": "text",
    "cost_usd": "numeric",
    "usage_key": "text",
    "usage_key_owner": "text",
    "user_id": "text",
    "key_id": "bigint",
    "hold_id": "bigint",
    "reverses": "bigint",
    "balance_after": "bigint",
    "lot_ids": "bigint[]",
    "lot_credits": "bigint[]",
    "created_at": "timestamptz",
    **CAUSE,
}
COLUMNS = ", ".join((*CONTENT, "hash"))
CHAIN = Chain(
    "transactions of account",
    "credit_transactions",
    "credit_balances",
    ("account_id",),
    f"transaction_content({', '.join(CONTENT)})",
    "transactions",
)


def _values(given: dict[str, str]) -> list[str]:
    return [f"CAST({given.get(name, name)} AS {kind})" for name, kind in CONTENT.items()]


def selected(**given: str) -> str:
    """The columns of a transaction for an INSERT from one balance: as `given` as SQL, else columns of their names.

    The source also has the `head` of the balance.
    """
    values = ", ".join(_values(_caused() | given))
    return f"{values}, chain(head, transaction_content({values}))"


def selected_in_order(**given: str) -> str:
    """As `selected`, for several transactions of several balances at once, by account and position."""
    values = ", ".join(_values(_caused() | given))
    window = "PARTITION BY account_id ORDER BY position ROWS UNBOUNDED PRECEDING"
    return f"{values}, chain_all(head, transaction_content({values})) OVER ({window})"


def _caused() -> dict[str, str]:
    return {name: f":{name}" for name in CAUSE}
