"""The ledger for many references at once: what payments hold on budgets, decided one by one and written together.

The budgets concerned are locked first, in id order; then each change is decided in memory, in the order it comes; then
lines and totals are written by one statement. The rules are those of `ledger`.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from app.billing_accounts import ledger
from app.billing_accounts.models import ExternalType, Kind
from app.clock import utc_now
from app.db.base import db
from app.db.fast.prepared import AnyPrepared, Prepared
from app.money import ZERO


class Hold(NamedTuple):
    """An amount that a reference locks or has consumed on an account."""

    account_id: int
    kind: Kind
    amount: Decimal


_BUDGETS = """
    SELECT budgets.billing_account_id, budgets.amount, budgets.locked, budgets.consumed,
        billing_accounts.status, billing_accounts.start_date, billing_accounts.end_date
    FROM budgets JOIN billing_accounts ON billing_accounts.id = budgets.billing_account_id
    WHERE budgets.billing_account_id = ANY(:account_ids)
"""
_READ = Prepared(_BUDGETS)
_LOCK = Prepared(f"""
    SELECT FROM budgets WHERE billing_account_id = ANY(:account_ids) ORDER BY billing_account_id FOR NO KEY UPDATE;
    {_BUDGETS}
""")
_WRITE = Prepared("""
    WITH released AS (
        DELETE FROM budget_lines AS line USING unnest(
            CAST(:released_accounts AS int[]), CAST(:released_references AS text[])
        ) AS gone (account_id, external_id)
        WHERE line.billing_account_id = gone.account_id AND line.external_type = :external_type
            AND line.external_id = gone.external_id
    ), held AS (
        INSERT INTO budget_lines AS line (billing_account_id, kind, external_type, external_id, amount, date)
        SELECT account_id, kind, :external_type, external_id, amount, :now FROM unnest(
            CAST(:held_accounts AS int[]), CAST(:held_references AS text[]), CAST(:held_kinds AS text[]),
            CAST(:held_amounts AS numeric[])
        ) AS held (account_id, external_id, kind, amount)
        ON CONFLICT (billing_account_id, external_type, external_id) WHERE external_type <> 'ENGAGEMENT'
        DO UPDATE SET kind = excluded.kind, amount = excluded.amount, date = excluded.date
    )
    UPDATE budgets SET locked = total.locked, consumed = total.consumed
    FROM unnest(
        CAST(:accounts AS int[]), CAST(:locked AS numeric[]), CAST(:consumed AS numeric[])
    ) AS total (account_id, locked, consumed)
    WHERE budgets.billing_account_id = total.account_id
""")


class _Budget:
    def __init__(self, row: Any) -> None:
        self.amount: Decimal = row.amount
        self.reserved: dict[Kind, Decimal] = {Kind.LOCKED: row.locked, Kind.CONSUMED: row.consumed}
        self.closed = ledger.why_closed(row, utc_now())

    @property
    def remaining(self) -> Decimal:
        return self.amount - sum(self.reserved.values())


class Holds:
    """The budgets of some accounts, locked until the transaction ends, and the changes decided on them."""

    def __init__(self, external_type: ExternalType, account_ids: Iterable[int]) -> None:
        self._external_type = external_type
        self._budgets = _budgets(_LOCK, account_ids)
        self._touched: set[int] = set()
        self._lines: dict[tuple[int, str], Hold | None] = {}

    def knows(self, account_id: int) -> bool:
        """Whether there is such an account among those locked."""
        return account_id in self._budgets

    def available(self, account_id: int) -> Decimal:
        """What a new reference could take from the account, by its amount alone."""
        return max(self._budgets[account_id].remaining, ZERO)

    def move(self, external_id: str, before: Hold | None, after: Hold | None) -> None:
        """Replace what the reference holds.

        Raises Invalid (insufficient funds) or Conflict (account inactive or not current), and then nothing changed.
        """
        if before == after:
            return
        if after is not None:
            self._require(after, ZERO if before is None or before.account_id != after.account_id else before.amount)
        if before is not None:
            self._budgets[before.account_id].reserved[before.kind] -= before.amount
            self._note(external_id, before.account_id, None)
        if after is not None:
            self._budgets[after.account_id].reserved[after.kind] += after.amount
            self._note(external_id, after.account_id, after)

    def write(self) -> None:
        """Write the lines and totals of every change."""
        released = [key for key, hold in self._lines.items() if hold is None]
        held = [(key, hold) for key, hold in self._lines.items() if hold is not None]
        accounts = sorted(self._touched)
        parameters = {
            "external_type": self._external_type,
            "now": utc_now(),
            "released_accounts": [account_id for account_id, _ in released],
            "released_references": [external_id for _, external_id in released],
            "held_accounts": [account_id for (account_id, _), _ in held],
            "held_references": [external_id for (_, external_id), _ in held],
            "held_kinds": [hold.kind for _, hold in held],
            "held_amounts": [hold.amount for _, hold in held],
            "accounts": accounts,
            "locked": [self._budgets[account_id].reserved[Kind.LOCKED] for account_id in accounts],
            "consumed": [self._budgets[account_id].reserved[Kind.CONSUMED] for account_id in accounts],
        }
        if accounts:
            db.session.execute(_WRITE, parameters)

    def _note(self, external_id: str, account_id: int, hold: Hold | None) -> None:
        self._touched.add(account_id)
        self._lines[account_id, external_id] = hold

    def _require(self, after: Hold, held: Decimal) -> None:
        budget = self._budgets[after.account_id]
        if after.amount <= held:
            return
        if budget.closed is not None:
            ledger.refuse_closed(after.account_id, budget.closed)
        if after.amount - held > budget.remaining:
            ledger.refuse_overspending(after.account_id, max(budget.remaining, ZERO) + held, after.amount)


class Rehearsal(Holds):
    """Budgets as they stood when they were looked at, and the changes that would be decided on them: none is made.

    Nothing is locked, so that others are not kept waiting by a question.
    """

    def __init__(self, external_type: ExternalType) -> None:
        super().__init__(external_type, ())

    def look_at(self, account_ids: Iterable[int]) -> None:
        """Read the budgets of accounts that are not known yet."""
        self._budgets |= _budgets(_READ, set(account_ids) - self._budgets.keys())


def _budgets(statement: AnyPrepared, account_ids: Iterable[int]) -> dict[int, _Budget]:
    wanted = sorted(set(account_ids))
    if not wanted:
        return {}
    rows = db.session.execute(statement, {"account_ids": wanted})
    return {row.billing_account_id: _Budget(row) for row in rows}
