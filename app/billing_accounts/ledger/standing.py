"""A budget as it stands after the changes decided so far, in memory, and the movements they make."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from app.billing_accounts.ledger import refusals, rule
from app.billing_accounts.models import Kind, MovementKind
from app.money import ZERO


class Line(NamedTuple):
    """What a reference locks or has consumed on an account."""

    account_id: int
    kind: Kind
    amount: Decimal


class Movement(NamedTuple):
    """A change of a budget, as it goes into the journal."""

    account_id: int
    position: int
    at: datetime
    kind: MovementKind
    external_id: str
    external_name: str | None
    locked_delta: Decimal
    consumed_delta: Decimal
    budget_after: Decimal
    locked_after: Decimal
    consumed_after: Decimal


class Budget:
    """A budget with its account, as it is after the changes decided so far."""

    def __init__(self, row: Any, now: datetime) -> None:
        opens_at, closes_at = row.start_date or rule.ALWAYS_OPEN, row.end_date or rule.NEVER_CLOSED
        # Time of an account never goes back: the clock of another worker may be ahead.
        self.moved_at: datetime = now if row.moved_at is None else max(row.moved_at, now)
        self._account = row.status, opens_at, closes_at, rule.dates_enforced(), self.moved_at
        self._id: int = row.billing_account_id
        self._amount: Decimal = row.amount
        self.locked: Decimal = row.locked
        self.consumed: Decimal = row.consumed
        self.movements: int = row.movements

    @property
    def remaining(self) -> Decimal:
        """What is not reserved."""
        return self._amount - self.locked - self.consumed

    def move(
        self, kind: MovementKind, external_id: str, name: str | None, before: Line | None, after: Line | None
    ) -> Movement:
        """Give back what a reference held and reserve what it is to hold; the movement."""
        (locked_before, consumed_before), (locked_after, consumed_after) = _reserved(before), _reserved(after)
        locked, consumed = locked_after - locked_before, consumed_after - consumed_before
        self.locked += locked
        self.consumed += consumed
        self.movements += 1
        place = self._id, self.movements, self.moved_at
        totals = self._amount, self.locked, self.consumed
        return Movement(*place, kind, external_id, name, locked, consumed, *totals)

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


def kind_of(before: Line | None, after: Line | None) -> MovementKind:
    """What a change on one account is called."""
    if after is not None:
        return MovementKind.LOCKED if after.kind == Kind.LOCKED else MovementKind.CONSUMED
    is_lock = before is not None and before.kind == Kind.LOCKED
    return MovementKind.UNLOCKED if is_lock else MovementKind.REVERSED


def _reserved(line: Line | None) -> tuple[Decimal, Decimal]:
    """What a line adds to the locked and the consumed total."""
    if line is None:
        return ZERO, ZERO
    return (line.amount, ZERO) if line.kind == Kind.LOCKED else (ZERO, line.amount)
