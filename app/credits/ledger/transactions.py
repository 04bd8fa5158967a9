"""A transaction in memory, before it is written."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.credits.ledger.causes import Cause
from app.credits.ledger.lots import Lot

# The lots that credits are drawn from (negative) or go to, and how many.
Draws = list[tuple[Lot, int]]


@dataclass(slots=True, eq=False)
class Transaction:
    """One change of a balance. Its `id` is None until it is written."""

    account_id: int
    position: int
    amount: int
    transaction_type: str
    description: str
    balance_after: int
    draws: Draws
    cause: Cause
    created_at: datetime
    operation_type: str | None = None
    cost_usd: Decimal | None = None
    usage_key: str | None = None
    user_id: str = ""
    key_id: int | None = None
    hold_id: int | None = None
    # The position of the deduction that it takes back.
    reverses: int | None = None
    id: int | None = None

    @property
    def credits_used(self) -> int:
        """The credits that went."""
        return -self.amount

    @property
    def credits_reversed(self) -> int:
        """The credits that were taken back: none yet."""
        return 0

    @property
    def lot_ids(self) -> list[int | None]:
        """The lots concerned."""
        return [lot.id for lot, _ in self.draws]

    @property
    def lot_id(self) -> int | None:
        """The first lot concerned."""
        return self.draws[0][0].id

    @property
    def lot_credits(self) -> list[int]:
        """The credits of each lot."""
        return [credits for _, credits in self.draws]
