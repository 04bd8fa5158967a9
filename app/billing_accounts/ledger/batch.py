"""The ledger for many references at once: decided one by one in memory, written together by one statement.

The budgets concerned are locked first, in id order; then each change is decided, in the order it comes, seeing what
those before it did. The statement is text: lines that go, lines that come and totals are written at once.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from app.billing_accounts.ledger import refusals, rule
from app.billing_accounts.models import ExternalType, Kind
from app.clock import utc_now
from app.db.base import db
from app.db.fast.prepared import AnyPrepared, Prepared
from app.errors import ServiceError
from app.money import ZERO


class Line(NamedTuple):
    """What a reference locks or has consumed on an account."""

    account_id: int
    kind: Kind
    amount: Decimal


class Charge(NamedTuple):
    """An amount to consume for an engagement."""

    billing_account_id: int
    external_id: str
    amount: Decimal


_BUDGETS = """
    SELECT budgets.billing_account_id, budgets.amount, budgets.locked, budgets.consumed,
        billing_accounts.status, billing_accounts.start_date, billing_accounts.end_date
    FROM budgets JOIN billing_accounts ON billing_accounts.id = budgets.billing_account_id
    WHERE budgets.billing_account_id = ANY(:account_ids)
"""
READ = Prepared(_BUDGETS)
LOCK = Prepared(f"""
    SELECT FROM budgets WHERE billing_account_id = ANY(:account_ids) ORDER BY billing_account_id FOR NO KEY UPDATE;
    {_BUDGETS}
""")
WRITE = Prepared("""
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
    """A budget with its account, as it is after the changes decided so far."""

    def __init__(self, row: Any) -> None:
        opens_at, closes_at = row.start_date or rule.ALWAYS_OPEN, row.end_date or rule.NEVER_CLOSED
        self._account = row.status, opens_at, closes_at, rule.dates_enforced(), utc_now()
        self.locked: Decimal = row.locked
        self.consumed: Decimal = row.consumed
        self.remaining: Decimal = row.amount - row.locked - row.consumed

    def add(self, kind: Kind, amount: Decimal) -> None:
        """Reserve an amount; a negative one is given back."""
        if kind == Kind.LOCKED:
            self.locked += amount
        else:
            self.consumed += amount
        self.remaining -= amount

    def require(self, external_id: str, before: Line | None, after: Line) -> None:
        """Raise what the reference is refused for, when it is: it holds `before` on this account."""
        held_as, held = (None, ZERO) if before is None else (before.kind, before.amount)
        request = rule.Request(*self._account, self.remaining, held_as, held, after.kind, after.amount)
        reason = rule.REFUSAL.decide(request)
        if reason is not None:
            raise refusals.refused(
                reason,
                after.account_id,
                external_id,
                asked=after.amount,
                held=held,
                remaining=self.remaining,
            )


class Budgets:
    """The budgets of some accounts, locked until the transaction ends, and the changes decided on them."""

    def __init__(self, external_type: ExternalType, account_ids: Iterable[int]) -> None:
        self._external_type = external_type
        self._budgets = _budgets(LOCK, account_ids)
        self._lines: dict[tuple[int, str, int], Line | None] = {}

    def knows(self, account_id: int) -> bool:
        """Whether there is such an account among those locked."""
        return account_id in self._budgets

    def available(self, account_id: int) -> Decimal:
        """What a new reference could take from the account, by its amount alone."""
        return max(self._budgets[account_id].remaining, ZERO)

    def move(self, external_id: str, before: Line | None, after: Line | None) -> None:
        """Replace what the reference holds; an engagement gets one more line each time.

        Raises NotFound, Invalid (insufficient funds) or Conflict (account inactive or not current, already consumed),
        and then nothing changed.
        """
        if before == after:
            return
        if after is not None:
            if not self.knows(after.account_id):
                raise refusals.not_found(after.account_id)
            is_same = before is not None and before.account_id == after.account_id
            self._budgets[after.account_id].require(external_id, before if is_same else None, after)
        if before is not None:
            self._budgets[before.account_id].add(before.kind, -before.amount)
            self._note(external_id, before.account_id, None)
        if after is not None:
            self._budgets[after.account_id].add(after.kind, after.amount)
            self._note(external_id, after.account_id, after)

    def write(self) -> None:
        """Write the lines and totals of every change."""
        released = [key for key, line in self._lines.items() if line is None]
        held = [(key, line) for key, line in self._lines.items() if line is not None]
        accounts = sorted({account_id for account_id, _, _ in self._lines})
        parameters = {
            "external_type": self._external_type,
            "now": utc_now(),
            "released_accounts": [account_id for account_id, _, _ in released],
            "released_references": [external_id for _, external_id, _ in released],
            "held_accounts": [account_id for (account_id, _, _), _ in held],
            "held_references": [external_id for (_, external_id, _), _ in held],
            "held_kinds": [line.kind for _, line in held],
            "held_amounts": [line.amount for _, line in held],
            "accounts": accounts,
            "locked": [self._budgets[account_id].locked for account_id in accounts],
            "consumed": [self._budgets[account_id].consumed for account_id in accounts],
        }
        if accounts:
            db.session.execute(WRITE, parameters)

    def _note(self, external_id: str, account_id: int, line: Line | None) -> None:
        # Other references have one line each, whatever became of it before.
        nth = len(self._lines) if self._external_type == ExternalType.ENGAGEMENT else 0
        self._lines[account_id, external_id, nth] = line


class Rehearsal(Budgets):
    """Budgets as they stood when they were looked at, and the changes that would be decided on them: none is made.

    Nothing is locked, so that others are not kept waiting by a question.
    """

    def __init__(self, external_type: ExternalType) -> None:
        super().__init__(external_type, ())

    def look_at(self, account_ids: Iterable[int]) -> None:
        """Read the budgets of accounts that are not known yet."""
        self._budgets |= _budgets(READ, set(account_ids) - self._budgets.keys())


def consume_all(charges: Sequence[Charge]) -> None:
    """Consume every charge, or none.

    Raises NotFound, Conflict (account inactive or not current) or Invalid (insufficient funds), each with the `index`
    of the first charge that cannot be met.
    """
    budgets = Budgets(ExternalType.ENGAGEMENT, (charge.billing_account_id for charge in charges))
    for index, charge in enumerate(charges):
        try:
            budgets.move(charge.external_id, None, Line(charge.billing_account_id, Kind.CONSUMED, charge.amount))
        except ServiceError as failure:
            failure.details = {**(failure.details or {}), "index": index}
            raise
    budgets.write()


def _budgets(statement: AnyPrepared, account_ids: Iterable[int]) -> dict[int, _Budget]:
    wanted = sorted(set(account_ids))
    if not wanted:
        return {}
    rows = db.session.execute(statement, {"account_ids": wanted})
    return {row.billing_account_id: _Budget(row) for row in rows}
