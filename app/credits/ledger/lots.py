"""A lot of credits in memory, as it is after the changes decided so far."""

from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.credits.ledger import rule
from app.credits.ledger.causes import Cause
from app.credits.models import DEFAULT_PRIORITY, LotSource


@dataclass(slots=True, eq=False)
class Lot:
    """Credits that arrived together, or will; `id` is None until it is taken, `position` until they are here."""

    id: int | None
    source: str
    credits: int
    effective_at: datetime
    expires_at: datetime | None
    transaction_type: str
    cause: Cause
    created_at: datetime
    description: str = ""
    priority: int = DEFAULT_PRIORITY
    price_per_credit: Decimal = Decimal(0)
    reference: str = ""
    request_hash: str | None = None
    remaining: int = 0
    held: int = 0
    frozen: int = 0
    owed: int = 0
    owed_as: str | None = None
    debt: int = 0
    expired: int = 0
    voided: int = 0
    position: int | None = None
    # What changes of it, as it was read; None for a new one.
    saved: tuple[Any, ...] | None = None

    @property
    def is_bought(self) -> bool:
        """Whether the credits were paid for."""
        return self.source == LotSource.PURCHASE

    @property
    def is_pending(self) -> bool:
        """Whether the credits are still to arrive."""
        return self.position is None and not self.voided

    @property
    def free(self) -> int:
        """The credits that can be spent."""
        return max(0, self.remaining - self.held - self.frozen)

    @property
    def frozen_rest(self) -> int:
        """The credits that could be spent if they were not frozen."""
        return min(self.frozen, self.remaining - self.held)

    @property
    def status(self) -> str:
        """Its status."""
        course = rule.Course(self.position is None, self.remaining, self.expired, self.voided)
        return str(rule.STATUS.decide(course))

    @property
    def standing(self) -> tuple[Any, ...]:
        """What changes of it."""
        changing = self.remaining, self.held, self.frozen, self.owed, self.owed_as, self.debt
        return *changing, self.expired, self.voided, self.position, self.expires_at


# A lot has one field for the columns of its cause.
COLUMNS = (*(each.name for each in fields(Lot) if each.name not in {"cause", "saved"}), *Cause._fields)


def lot_of(row: Any, prefix: str = "") -> Lot:
    """The lot whose columns a row has, with a prefix before their names."""
    values = {name: getattr(row, f"{prefix}{name}") for name in COLUMNS}
    lot = Lot(**{"cause": Cause(*(values.pop(name) for name in Cause._fields)), **values})
    lot.saved = lot.standing
    return lot
