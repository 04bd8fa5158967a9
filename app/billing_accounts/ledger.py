"""The ledger of budgets: the only code that writes budget lines and the totals of a budget.

Every operation changes lines and totals together and keeps the budget rule: none makes locked + consumed exceed the
budget, and one that does not raise that sum always passes. Locks are taken in one order everywhere: budgets first, of
several by account id, then lines; so the holder of a budget lock is alone with its lines.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, NoReturn

from flask import current_app
from sqlalchemy import Row, text

from app.billing_accounts.models import ExternalType, Kind, Status
from app.clock import utc_now
from app.config import Settings
from app.db.base import db
from app.db.fast.prepared import Prepared
from app.errors import Conflict, Invalid, NotFound, Reason
from app.money import ZERO, plain


class Reference(NamedTuple):
    """What an amount is reserved for."""

    external_type: ExternalType
    external_id: str
    external_name: str | None = None


class Charge(NamedTuple):
    """An amount to consume for an engagement."""

    billing_account_id: int
    external_id: str
    amount: Decimal


# Budgets are locked first; what is decided on is read by the next statement, once they are held. (A statement that
# locks and reads at once would look at the line its snapshot shows, which a concurrent request may have replaced.) Both
# are sent at once, and nothing is written unless all is: a refusal needs no rollback, the work no transaction.
# The budget is found by the parameter, never by joining on the line, so its primary key is always used.
_LOCK_BUDGET = "SELECT FROM budgets WHERE billing_account_id = :account_id FOR NO KEY UPDATE;"
_LINE_OF_REFERENCE = """
    billing_account_id = :account_id AND external_type = :external_type AND external_id = :external_id
        AND external_type <> 'ENGAGEMENT'
"""
RESERVE = Prepared(f"""
    {_LOCK_BUDGET}
    WITH line AS (
        SELECT kind, amount FROM budget_lines WHERE {_LINE_OF_REFERENCE}
    ), state AS (
        SELECT budget.*, account.status, account.start_date, account.end_date,
            line.kind AS held_as, coalesce(line.amount, 0) AS held
        FROM budgets AS budget JOIN billing_accounts AS account ON account.id = budget.billing_account_id
        LEFT JOIN line ON true
        WHERE budget.billing_account_id = :account_id
    ), decision AS (
        SELECT held_as, held, asked_as, asked, greatest(remaining, 0) + held AS available, CASE
            WHEN held_as = 'consumed' AND asked_as = 'locked' THEN '{Reason.ALREADY_CONSUMED}'
            WHEN asked <= held THEN NULL
            WHEN status <> '{Status.ACTIVE}' THEN '{Reason.ACCOUNT_INACTIVE}'
            WHEN :dates_enforced AND (:now < start_date OR :now > end_date) THEN '{Reason.ACCOUNT_NOT_CURRENT}'
            WHEN locked + consumed + asked - held > amount THEN '{Reason.INSUFFICIENT_FUNDS}'
        END AS refusal
        FROM state, (SELECT CAST(:kind AS text) AS asked_as, CAST(:amount AS numeric) AS asked) AS request
    ), written AS (
        INSERT INTO budget_lines AS line
            (billing_account_id, kind, external_type, external_id, external_name, amount, date)
        SELECT :account_id, asked_as, :external_type, :external_id, :external_name, asked, :now
        FROM decision WHERE refusal IS NULL
        ON CONFLICT (billing_account_id, external_type, external_id) WHERE external_type <> 'ENGAGEMENT'
        DO UPDATE SET
            kind = excluded.kind,
            external_name = coalesce(excluded.external_name, line.external_name),
            amount = excluded.amount,
            date = excluded.date,
            as_imported = CASE WHEN line.as_imported IS NOT NULL THEN false END
        RETURNING id, amount, date, external_type, external_id, external_name
    ), moved AS (
        UPDATE budgets SET
            locked = locked
                + CASE asked_as WHEN 'locked' THEN asked ELSE 0 END - CASE held_as WHEN 'locked' THEN held ELSE 0 END,
            consumed = consumed
                + CASE asked_as WHEN 'consumed' THEN asked ELSE 0 END
                - CASE held_as WHEN 'consumed' THEN held ELSE 0 END
        FROM decision WHERE billing_account_id = :account_id AND refusal IS NULL
    )
    SELECT written.*, CASE external_type WHEN 'CHALLENGE' THEN external_id END AS challenge_id, refusal, available
    FROM decision LEFT JOIN written ON true
""")
_UNLOCK = Prepared(f"""
    {_LOCK_BUDGET}
    WITH line AS (
        SELECT kind, amount FROM budget_lines WHERE {_LINE_OF_REFERENCE}
    ), released AS (
        DELETE FROM budget_lines WHERE {_LINE_OF_REFERENCE} AND kind = 'locked'
        RETURNING billing_account_id, external_id, as_imported
    ), remembered AS (
        INSERT INTO released_lines (billing_account_id, external_id)
        SELECT released.billing_account_id, external_id FROM released, budgets AS budget
        WHERE budget.billing_account_id = :account_id
            AND (released.as_imported IS NOT NULL OR budget.as_imported IS NOT NULL)
        ON CONFLICT DO NOTHING
    ), moved AS (
        UPDATE budgets SET locked = locked - line.amount
        FROM line WHERE billing_account_id = :account_id AND line.kind = 'locked'
    )
    SELECT line.kind AS held_as FROM budgets LEFT JOIN line ON true WHERE billing_account_id = :account_id
""")
_LOCK_BUDGETS = Prepared("""
    SELECT FROM budgets WHERE billing_account_id = ANY(:account_ids) ORDER BY billing_account_id FOR NO KEY UPDATE;
    SELECT budgets.billing_account_id, budgets.remaining, billing_accounts.status,
        billing_accounts.start_date, billing_accounts.end_date
    FROM budgets JOIN billing_accounts ON billing_accounts.id = budgets.billing_account_id
    WHERE budgets.billing_account_id = ANY(:account_ids)
""")
_CHARGE = Prepared("""
    WITH charge AS (
        SELECT * FROM unnest(
            CAST(:account_ids AS int[]), CAST(:external_ids AS text[]), CAST(:amounts AS numeric[])
        ) AS charge (billing_account_id, external_id, amount)
    ), line AS (
        INSERT INTO budget_lines (billing_account_id, kind, external_type, external_id, amount, date)
        SELECT billing_account_id, 'consumed', 'ENGAGEMENT', external_id, amount, :now FROM charge
    )
    UPDATE budgets SET consumed = budgets.consumed + charged.amount
    FROM (SELECT billing_account_id, sum(amount) AS amount FROM charge GROUP BY billing_account_id) AS charged
    WHERE budgets.billing_account_id = charged.billing_account_id
""")
_OPEN = text("INSERT INTO budgets (billing_account_id, amount) VALUES (:account_id, :amount)")
_SET_AMOUNT = text("""
    UPDATE budgets SET
        amount = :amount, as_imported = CASE WHEN as_imported IS NOT NULL THEN as_imported AND amount = :amount END
    WHERE billing_account_id = :account_id AND (:amount >= locked + consumed OR :amount = amount)
    RETURNING true
""")
_RESERVED = text("SELECT locked + consumed FROM budgets WHERE billing_account_id = :account_id")


def open_budget(account_id: int, amount: Decimal) -> None:
    """Give a new account its budget."""
    db.session.execute(_OPEN, {"account_id": account_id, "amount": amount})


def set_budget(account_id: int, amount: Decimal) -> None:
    """Change an account's budget. Raises Conflict when the new one is below what is reserved."""
    if db.session.execute(_SET_AMOUNT, {"account_id": account_id, "amount": amount}).scalar_one_or_none() is None:
        reserved = db.session.execute(_RESERVED, {"account_id": account_id}).scalar_one()
        raise Conflict(
            "The budget would be below what is locked and consumed",
            reason=Reason.BUDGET_BELOW_RESERVED,
            details={"reserved": reserved, "requested": amount},
        )


def lock(account_id: int, reference: Reference, amount: Decimal) -> Row[Any]:
    """Hold `amount` for the reference, in place of what it held; the line.

    Raises NotFound, Conflict (already consumed, account inactive or not current) or Invalid (insufficient funds).
    """
    return _reserve(account_id, Kind.LOCKED, reference, amount)


def consume(account_id: int, reference: Reference, amount: Decimal) -> Row[Any]:
    """Spend `amount` for the reference; the line.

    A challenge's line, locked or consumed, becomes this one; an engagement gets one more. Raises NotFound, Conflict
    (account inactive or not current) or Invalid (insufficient funds).
    """
    return _reserve(account_id, Kind.CONSUMED, reference, amount)


def unlock(account_id: int, reference: Reference) -> None:
    """Release what the reference holds, if anything. Raises NotFound, and Conflict when it was consumed."""
    found = db.session.execute(_UNLOCK, {"account_id": account_id, **reference._asdict()}).one_or_none()
    if found is None:
        raise not_found(account_id)
    if found.held_as == Kind.CONSUMED:
        _refuse_consumed(reference)


def consume_all(charges: Sequence[Charge]) -> None:
    """Spend every charge, or none.

    Raises NotFound, Conflict (account inactive or not current) or Invalid (insufficient funds), each with the `index`
    of the first charge that cannot be met.
    """
    account_ids = sorted({charge.billing_account_id for charge in charges})
    budgets = db.session.execute(_LOCK_BUDGETS, {"account_ids": account_ids})
    now = utc_now()
    remaining, refusals = {}, {}
    for budget in budgets:
        remaining[budget.billing_account_id] = budget.remaining
        refusals[budget.billing_account_id] = why_closed(budget, now)
    for index, charge in enumerate(charges):
        account_id = charge.billing_account_id
        if account_id not in remaining:
            raise not_found(account_id, {"index": index})
        if (reason := refusals[account_id]) is not None:
            refuse_closed(account_id, reason, {"index": index})
        if charge.amount > remaining[account_id]:
            refuse_overspending(account_id, max(remaining[account_id], ZERO), charge.amount, {"index": index})
        remaining[account_id] -= charge.amount
    parameters = {
        "account_ids": [charge.billing_account_id for charge in charges],
        "external_ids": [charge.external_id for charge in charges],
        "amounts": [charge.amount for charge in charges],
        "now": now,
    }
    db.session.execute(_CHARGE, parameters)


def not_found(account_id: int, facts: Mapping[str, Any] | None = None) -> NotFound:
    """The failure that says there is no such account."""
    return NotFound(f"Billing account {account_id} was not found", details=facts)


def _reserve(account_id: int, kind: Kind, reference: Reference, amount: Decimal) -> Row[Any]:
    parameters = {
        "account_id": account_id,
        "kind": kind,
        "amount": amount,
        "now": utc_now(),
        "dates_enforced": dates_enforced(),
        **reference._asdict(),
    }
    line = db.session.execute(RESERVE, parameters).one_or_none()
    if line is None:
        raise not_found(account_id)
    if line.refusal == Reason.ALREADY_CONSUMED:
        _refuse_consumed(reference)
    if line.refusal in {Reason.ACCOUNT_INACTIVE, Reason.ACCOUNT_NOT_CURRENT}:
        refuse_closed(account_id, Reason(line.refusal))
    if line.refusal == Reason.INSUFFICIENT_FUNDS:
        refuse_overspending(account_id, line.available, amount)
    return line


def _refuse_consumed(reference: Reference) -> NoReturn:
    raise Conflict(f"{reference.external_id} was consumed already", reason=Reason.ALREADY_CONSUMED)


def dates_enforced() -> bool:
    """Whether accounts outside their dates refuse what raises their reserved total."""
    settings: Settings = current_app.config["SETTINGS"]
    return settings.account_dates_enforced


def why_closed(account: Any, now: datetime) -> Reason | None:
    """Why the account (`status`, `start_date`, `end_date`) takes nothing more at `now`; None when it does."""
    if account.status != Status.ACTIVE:
        return Reason.ACCOUNT_INACTIVE
    start, end = account.start_date, account.end_date
    is_current = (start is None or now >= start) and (end is None or now <= end)
    return None if is_current or not dates_enforced() else Reason.ACCOUNT_NOT_CURRENT


def refuse_closed(account_id: int, reason: Reason, facts: Mapping[str, Any] | None = None) -> NoReturn:
    """Raise the failure that says why an account takes nothing more, one of those of `why_closed`."""
    problem = "is inactive" if reason == Reason.ACCOUNT_INACTIVE else "is outside its start and end date"
    raise Conflict(f"Billing account {account_id} {problem}", reason=reason, details=facts)


def refuse_overspending(
    account_id: int, available: Decimal, requested: Decimal, facts: Mapping[str, Any] | None = None
) -> NoReturn:
    """Raise the failure that says how much a reference could take, and how much was asked for."""
    raise Invalid(
        f"Billing account {account_id} has {plain(available)} available, {plain(requested)} was requested",
        reason=Reason.INSUFFICIENT_FUNDS,
        details={"available": available, "requested": requested, **(facts or {})},
    )
