"""Accounts in memory, of what is read of them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from app.credits import plan_queries, queries
from app.credits.ledger import due
from app.credits.ledger.caps import cap_of
from app.credits.ledger.due import Month
from app.credits.ledger.holds import hold_of
from app.credits.ledger.lots import lot_of
from app.credits.ledger.standing import Standing
from app.credits.ledger.transactions import Transaction
from app.db.base import db
from app.db.fast.prepared import Prepared

# Of accounts with something due: the open holds that expired, and of the others the one that expires first.
_DUE_HOLDS = Prepared("""
    SELECT hold.* FROM unnest(CAST(:account_ids AS bigint[]), CAST(:instants AS timestamptz[])) AS due (account_id, now)
    CROSS JOIN LATERAL (
        SELECT * FROM credit_holds
        WHERE account_id = due.account_id AND status = 'open' AND expires_at <= due.now
        UNION ALL (
            SELECT * FROM credit_holds
            WHERE account_id = due.account_id AND status = 'open' AND expires_at > due.now
            ORDER BY expires_at LIMIT 1
        )
    ) AS hold
""")
_NAMED_HOLDS = Prepared("""
    SELECT * FROM credit_holds
    WHERE account_id = ANY(CAST(:account_ids AS bigint[]))
        AND (id = ANY(CAST(:hold_ids AS bigint[])) OR reference = ANY(CAST(:references AS text[])))
""")


def standings(rows: Iterable[Any], posted: list[Transaction], now: datetime) -> dict[int, Standing]:
    """Accounts with their lots, of rows as `balances.lock` yields them."""
    by_account: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        by_account[row.account_id].append(row)
    return {
        account_id: Standing(each[0], [lot_of(row, "lot_") for row in each if row.lot_id is not None], posted, now)
        for account_id, each in by_account.items()
    }


def load_caps(found: dict[int, Standing]) -> None:
    """Let accounts have their caps, in the present period of each."""
    capped = [account_id for account_id, each in found.items() if each.is_capped]
    for row in db.session.execute(queries.CAPS, {"account_ids": capped}) if capped else ():
        cap = cap_of(row)
        found[cap.account_id].caps.append(cap)


def load_holds(found: dict[int, Standing], hold_ids: Sequence[int], references: Sequence[str]) -> None:
    """Let accounts have the holds with these ids or references."""
    values = {"account_ids": list(found), "hold_ids": list(hold_ids), "references": list(references)}
    _add_holds(found, db.session.execute(_NAMED_HOLDS, values))


def advance(found: dict[int, Standing]) -> list[Month]:
    """Post in memory what fell due of accounts; the months that began."""
    late = {account_id: each for account_id, each in found.items() if each.is_due}
    if not late:
        return []
    instants = [each.now for each in late.values()]
    _add_holds(late, db.session.execute(_DUE_HOLDS, {"account_ids": list(late), "instants": instants}))
    values = {"account_ids": list(late), "month": max(instants).date().replace(day=1)}
    months = [Month(*row) for row in db.session.execute(plan_queries.DUE_GRANTS, values)]
    return [
        month
        for account_id, each in late.items()
        for month in due.advance(each, (month for month in months if month.account_id == account_id))
    ]


def _add_holds(found: dict[int, Standing], rows: Iterable[Any]) -> None:
    for row in rows:
        standing = found[row.account_id]
        if all(each.id != row.id for each in standing.holds):
            standing.holds.append(hold_of(row, {lot.id: lot for lot in standing.lots}))
