"""Everything that is kept of one account, as its customer sees it. The account is the tenant."""

from collections.abc import Sequence
from typing import Any

from app.api_keys import service as api_keys
from app.audit import trail
from app.credits import balances, caps, holds, plans
from app.customers import team
from app.db.paging import EveryRow, Page
from app.desk import accounts
from app.desk.accounts import Account
from app.purchases import credit_notes, invoices, payments


def lists(account: Account) -> dict[str, EveryRow]:
    """All rows about the account, by what they are, each list newest first. They are fetched when they are read."""
    every = {"page": 1, "per_page": None}
    found: dict[str, Page | Sequence[Any]] = {
        "account": [accounts.get(account)],
        "plans": plans.assigned(account.id),
        "team": team.members(account.id, every),
        "invitations": team.every_invitation(account.id),
        "api_keys": api_keys.search(account.id, every),
        "transactions": balances.transactions(account.id, every),
        "usage": balances.usage(account.id, every),
        "lots": balances.lots(account.id, every),
        "holds": holds.of_account(account.id, every),
        "caps": caps.search(account.id, every),
        "invoices": invoices.search(account.id, every),
        "credit_notes": credit_notes.search(account.id, every),
        "payments": payments.search(account.id, every),
        "audit": trail.of_account(account.id, every),
    }
    return {name: _every_row(rows) for name, rows in found.items()}


def _every_row(rows: Page | Sequence[Any]) -> EveryRow:
    if isinstance(rows, EveryRow):
        return rows
    return EveryRow.of(iter([rows.results if isinstance(rows, Page) else rows]))
