"""Taking consumed amounts back, in one statement that decides and writes.

It is text: the lines concerned, what is left of each, the totals and the movements are decided together.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row

from app.audit import cause
from app.billing_accounts.ledger import expiry, journal, refusals
from app.billing_accounts.ledger.expiry import DUE, is_due
from app.billing_accounts.models import ExternalType
from app.clock import utc_now
from app.db.base import db
from app.db.fast.prepared import Prepared
from app.errors import Reason


class Reversed(NamedTuple):
    """What was taken back: the sum, and a movement for each line, newest line first."""

    reversed: Decimal
    movements: Sequence[Row[Any]]


# The newest lines give first; `newer` is what all newer ones hold. A challenge that an import may know and that is gone
# is remembered, so that the next import leaves it alone.
_REVERSE = Prepared(f"""
    SELECT FROM budgets WHERE billing_account_id = :account_id FOR NO KEY UPDATE;
    WITH line AS (
        SELECT id, external_type, external_id, external_name, amount, as_imported,
            sum(amount) OVER newest_first - amount AS newer
        FROM budget_lines
        WHERE billing_account_id = :account_id AND kind = 'consumed'
            AND (id = :entry_id OR external_type = :external_type AND external_id = :external_id)
        WINDOW newest_first AS (ORDER BY consumed_at DESC, id DESC)
    ), asked AS (
        SELECT (SELECT {is_due("budget")} FROM budgets AS budget WHERE billing_account_id = :account_id) AS is_due,
            coalesce(sum(amount), 0) AS consumed, coalesce(CAST(:amount AS numeric), sum(amount)) AS amount,
            bool_or(external_type = 'WORK_PERIOD_PAYMENT') AS of_payment
        FROM line
    ), decision AS (
        SELECT *, CASE WHEN is_due THEN '{DUE}' WHEN of_payment THEN '{Reason.PAYMENT_LINE}'
            WHEN consumed = 0 THEN '{Reason.NOTHING_TO_REVERSE}'
            WHEN amount > consumed THEN '{Reason.REVERSAL_EXCEEDS_CONSUMED}' END AS refusal
        FROM asked
    ), taken AS (
        SELECT line.*, least(line.amount, decision.amount - newer) AS taken, row_number() OVER (ORDER BY newer) AS nth
        FROM line, decision WHERE refusal IS NULL AND newer < decision.amount
    ), gone AS (
        DELETE FROM budget_lines USING taken
        WHERE budget_lines.id = taken.id AND billing_account_id = :account_id AND taken.taken = taken.amount
    ), lowered AS (
        UPDATE budget_lines SET amount = budget_lines.amount - taken.taken,
            as_imported = CASE WHEN budget_lines.as_imported IS NOT NULL THEN false END
        FROM taken
        WHERE budget_lines.id = taken.id AND billing_account_id = :account_id AND taken.taken < taken.amount
    ), remembered AS (
        INSERT INTO released_lines (billing_account_id, external_id)
        SELECT :account_id, external_id FROM taken, budgets AS budget
        WHERE budget.billing_account_id = :account_id AND external_type = 'CHALLENGE' AND taken = taken.amount
            AND (taken.as_imported IS NOT NULL OR budget.as_imported IS NOT NULL)
        ON CONFLICT DO NOTHING
    ), numbered AS (
        SELECT billing_account_id, movements + nth AS position, greatest(moved_at, :now) AS at, 'reversed' AS kind,
            id AS entry_id, external_type, external_id, external_name, 0 AS locked_delta, -taken AS consumed_delta,
            budget.amount AS budget_after, locked AS locked_after,
            consumed - sum(taken) OVER (ORDER BY nth) AS consumed_after, head
        FROM budgets AS budget, taken WHERE billing_account_id = :account_id
    ), {journal.post_numbered(where="budgets.billing_account_id = :account_id")}, shown AS (
        SELECT {journal.SHOWN} FROM movement
    )
    SELECT shown.*, decision.refusal, decision.consumed AS held
    FROM budgets LEFT JOIN decision ON true LEFT JOIN shown ON true
    WHERE budgets.billing_account_id = :account_id ORDER BY shown.position
""")


def reverse(
    account_id: int,
    amount: Decimal | None,
    *,
    entry_id: UUID | None = None,
    external_type: ExternalType | None = None,
    external_id: str | None = None,
) -> Reversed:
    """Take back `amount` (None: all) of what a line, or all lines of a reference, have consumed.

    Never refused for want of budget nor because the account is inactive. Raises NotFound (no such account), Conflict
    (nothing is consumed; the line is that of a payment) or Invalid (more than is consumed).
    """
    now = utc_now()
    parameters = {
        "account_id": account_id,
        "amount": amount,
        "entry_id": entry_id,
        "external_type": external_type,
        "external_id": external_id,
        "now": now,
        **cause.current(),
    }
    movements = db.session.execute(_REVERSE, parameters).all()
    if not movements:
        raise refusals.not_found(account_id)
    if movements[0].refusal == DUE:
        expiry.post([account_id], now)
        movements = db.session.execute(_REVERSE, parameters).all()
    if movements[0].refusal is not None:
        raise refusals.not_reversible(movements[0].refusal, consumed=movements[0].held, asked=amount)
    return Reversed(-sum(each.consumed_delta for each in movements), movements)
