"""Setting caps, which takes the lock of the balance: what is counted from then on is exact."""

from datetime import date
from typing import Any

from app.audit.models import ObjectType
from app.audit.recording import record
from app.credits.hold_models import CapKind
from app.credits.ledger import caps
from app.credits.ledger.book import Book
from app.credits.ledger.caps import Cap
from app.db.base import db
from app.db.fast.prepared import AnyPrepared, Prepared

# What counts against members, operations and keys: the counterpart of what `Standing` counts one by one.
_USES = """
    SELECT account_id, user_id, operation_type, key_id, created_at, -amount - coalesce(returned, 0) AS credits
    FROM (
        SELECT * FROM credit_transactions
        WHERE transaction_type = 'deduction' AND hold_id IS NULL AND {of_account}
    ) AS spent LEFT JOIN (
        SELECT account_id, reverses AS position, sum(amount) AS returned FROM credit_transactions
        WHERE reverses IS NOT NULL AND {of_account} GROUP BY account_id, reverses
    ) AS returned USING (account_id, position)
    UNION ALL
    SELECT account_id, user_id, operation_type, key_id, created_at, captured + remaining - coalesce(returned, 0)
    FROM (SELECT * FROM credit_holds WHERE {of_account}) AS hold LEFT JOIN (
        SELECT account_id, spent.hold_id AS id, sum(back.amount) AS returned
        FROM (SELECT * FROM credit_transactions WHERE hold_id IS NOT NULL AND {of_account}) AS spent
        JOIN (
            SELECT account_id, reverses AS position, amount FROM credit_transactions
            WHERE reverses IS NOT NULL AND {of_account}
        ) AS back USING (account_id, position)
        GROUP BY account_id, spent.hold_id
    ) AS returned USING (account_id, id)
"""
USES = _USES.format(of_account="true")
# Whether a use counts against a cap, in its period.
COUNTS = """
    CASE cap.kind WHEN 'member' THEN use.user_id WHEN 'key' THEN CAST(use.key_id AS text)
            ELSE use.operation_type END = cap.subject
        AND CASE cap.period WHEN 'total' THEN true
            ELSE date_trunc(cap.period, use.created_at AT TIME ZONE 'UTC') = cap.period_start END
"""
_SET: AnyPrepared = Prepared(f"""
    INSERT INTO credit_caps AS kept (account_id, kind, subject, period, credits, used, period_start, created_at)
    SELECT cap.account_id, cap.kind, cap.subject, cap.period, cap.credits, (
            SELECT coalesce(sum(use.credits), 0)
            FROM ({_USES.format(of_account="account_id = :account_id")}) AS use WHERE {COUNTS}
        ), cap.period_start, :now
    FROM (
        SELECT CAST(:account_id AS bigint) AS account_id, CAST(:kind AS text) AS kind,
            CAST(:subject AS text) AS subject, CAST(:period AS text) AS period, CAST(:credits AS bigint) AS credits,
            CAST(:period_start AS date) AS period_start
    ) AS cap
    ON CONFLICT (account_id, kind, subject, period) DO UPDATE SET credits = excluded.credits
    RETURNING new.*, old.credits AS credits_before
""")
_SUBJECTS = {CapKind.MEMBER: "user_id", CapKind.OPERATION: "operation_type", CapKind.KEY: "key_id"}
_DELETE = Prepared("DELETE FROM credit_caps WHERE account_id = :account_id AND id = :cap_id RETURNING *")
_MARK = Prepared("""
    UPDATE credit_balances SET is_capped = EXISTS (SELECT FROM credit_caps WHERE account_id = :account_id)
    WHERE account_id = :account_id
""")


def put(account_id: int, kind: str, subject: str, period: str, credits: int) -> Cap:
    """Set a cap, in place of the one for the same subject and period. Raises Forbidden for a closed account."""
    book = Book([account_id])
    standing = book.standing(account_id)
    standing.require_open()
    now = standing.now
    book.write()
    start: date = caps.start_of(period, now)
    terms = {"kind": kind, "subject": subject, "period": period, "credits": credits}
    row: Any = db.session.execute(_SET, {"account_id": account_id, **terms, "period_start": start, "now": now}).one()
    db.session.execute(_MARK, {"account_id": account_id})
    cap = caps.cap_of(row)
    # What is replaced differs in its credits alone.
    before = None if row.credits_before is None else {**_terms(cap), "credits": row.credits_before}
    record(ObjectType.CREDIT_CAP, cap.id, before=before, after=_terms(cap), account_id=account_id)
    return cap


def remove(account_id: int, cap_id: int) -> bool:
    """Remove a cap; whether there was one. Raises Forbidden for a closed account."""
    book = Book([account_id])
    book.standing(account_id).require_open()
    book.write()
    removed = db.session.execute(_DELETE, {"account_id": account_id, "cap_id": cap_id}).one_or_none()
    db.session.execute(_MARK, {"account_id": account_id})
    if removed is not None:
        record(ObjectType.CREDIT_CAP, cap_id, before=_terms(caps.cap_of(removed)), account_id=account_id)
    return removed is not None


def _terms(cap: Cap) -> dict[str, Any]:
    """What an entry says of a cap; a member is a person."""
    return {"kind": cap.kind, _SUBJECTS[CapKind(cap.kind)]: cap.subject, "period": cap.period, "credits": cap.credits}
