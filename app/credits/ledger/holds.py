"""A hold in memory, as it is after the changes decided so far."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from app.credits.hold_models import HoldStatus
from app.credits.ledger.caps import Use
from app.credits.ledger.lots import Lot


@dataclass(slots=True, eq=False)
class Hold:
    """Credits that are held; `id` is None until it is taken. `draws` is what is held of which lots, in order."""

    id: int | None
    account_id: int
    reference: str
    request_hash: str
    amount: int
    operation_type: str
    description: str
    user_id: str
    key_id: int | None
    over_capture: str
    expires_at: datetime
    created_at: datetime
    draws: list[tuple[Lot, int]]
    captured: int = 0
    remaining: int = 0
    status: str = HoldStatus.OPEN
    ended_at: datetime | None = None
    version: int = 1
    # What changes of it, as it was read; None for a new one.
    saved: tuple[Any, ...] | None = None

    @property
    def use(self) -> Use:
        """What its credits are for, and when they count."""
        return Use(self.operation_type, self.user_id, self.key_id, self.created_at)

    @property
    def is_open(self) -> bool:
        """Whether it can be captured."""
        return self.status == HoldStatus.OPEN

    @property
    def lot_ids(self) -> list[int | None]:
        """The lots that something is held of."""
        return [lot.id for lot, _ in self.draws]

    @property
    def lot_credits(self) -> list[int]:
        """What is held of each."""
        return [credits for _, credits in self.draws]

    @property
    def standing(self) -> tuple[Any, ...]:
        """What changes of it."""
        changing = self.amount, self.captured, self.remaining, self.status, self.expires_at, self.ended_at, self.version
        return *changing, tuple(self.draws)

    def take(self, credits: int, *, last: bool = False) -> list[tuple[Lot, int]]:
        """Take so many of the held credits out of it, those that are spent first, or `last`."""
        taken: list[tuple[Lot, int]] = []
        for lot, held in self.draws[::-1] if last else self.draws[:]:
            part = min(credits, held)
            if not part:
                break
            taken.append((lot, part))
            credits -= part
        for lot, part in taken:
            place = next(n for n, (each, _) in enumerate(self.draws) if each is lot)
            rest = self.draws[place][1] - part
            self.draws[place : place + 1] = [(lot, rest)] if rest else []
        self.remaining -= sum(part for _, part in taken)
        return taken


COLUMNS = tuple(each.name for each in fields(Hold) if each.name not in {"draws", "saved"})


def hold_of(row: Any, lots: dict[int | None, Lot]) -> Hold:
    """The hold whose columns a row has, on these lots by their ids."""
    draws = [(lots[lot_id], credits) for lot_id, credits in zip(row.lot_ids, row.lot_credits, strict=True)]
    hold = Hold(draws=draws, **{name: getattr(row, name) for name in COLUMNS})
    hold.saved = hold.standing
    return hold
