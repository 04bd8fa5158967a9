"""A budget as plain sums and lists: what each operation changes, or why it is refused."""

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

STEP = Decimal("0.0001")
CHALLENGE, ENGAGEMENT = "CHALLENGE", "ENGAGEMENT"


class RefusedError(Exception):
    """Status and reason of a refusal."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status, self.reason = status, reason


class Movement(NamedTuple):
    """What a change changes."""

    kind: str
    external_type: str | None
    external_id: str | None
    budget: Decimal
    locked: Decimal
    consumed: Decimal


@dataclass(eq=False)
class Line:
    """What a reference holds; `born` is the position of the movement that made it."""

    kind: str
    external_type: str
    external_id: str
    amount: Decimal
    born: int


@dataclass
class Model:
    """One account. Whatever is refused raises RefusedError, and nothing changes."""

    movements: list[Movement] = field(default_factory=list)
    # The oldest consumed first.
    lines: list[Line] = field(default_factory=list)
    active: bool = True

    @classmethod
    def opened(cls, budget: int) -> "Model":
        return cls([Movement("opened", None, None, Decimal(budget), Decimal(0), Decimal(0))])

    def total(self, name: str, positions: int | None = None) -> Decimal:
        """The budget, locked or consumed total after so many movements, or after all."""
        return sum((getattr(each, name) for each in self.movements[:positions]), Decimal(0))

    @property
    def reserved(self) -> Decimal:
        return self.total("locked") + self.total("consumed")

    @property
    def remaining(self) -> Decimal:
        return self.total("budget") - self.reserved

    def lock(self, reference: str, amount: Decimal) -> None:
        amount = rounded(amount)
        held = self._challenge(reference)
        if held is not None and held.kind == "consumed":
            raise RefusedError(409, "already_consumed")
        if amount:
            self._hold("locked", reference, held, amount)
        elif held is not None:
            self.lines.remove(held)
            self._move("unlocked", held, locked=-held.amount)

    def consume(self, reference: str, amount: Decimal) -> None:
        self._hold("consumed", reference, self._challenge(reference), rounded(amount))

    def charge(self, reference: str, amount: Decimal) -> None:
        """Consume for an engagement."""
        amount = rounded(amount)
        self.require(amount)
        line = Line("consumed", ENGAGEMENT, reference, amount, len(self.movements) + 1)
        self.lines.append(line)
        self._move("consumed", line, consumed=amount)

    def set_budget(self, budget: Decimal) -> None:
        if budget == self.total("budget"):
            return
        if budget < self.reserved:
            raise RefusedError(409, "budget_below_reserved")
        self.add(budget - self.total("budget"))

    def adjust(self, amount: Decimal) -> None:
        if amount < 0 and amount + self.remaining < 0:
            raise RefusedError(409, "budget_below_reserved")
        self.add(amount)

    def carry_over(self, to: "Model", amount: Decimal | None) -> None:
        if self.remaining <= 0:
            raise RefusedError(409, "nothing_to_carry")
        carried = self.remaining if amount is None else amount
        if carried > self.remaining:
            raise RefusedError(400, "insufficient_funds")
        self.add(-carried)
        to.add(carried)

    def reverse(self, lines: list[Line], amount: Decimal | None) -> None:
        """Take back of consumed lines, the newest first."""
        consumed = sum((each.amount for each in lines), Decimal(0))
        if not consumed:
            raise RefusedError(409, "nothing_to_reverse")
        left = consumed if amount is None else amount
        if left > consumed:
            raise RefusedError(400, "reversal_exceeds_consumed")
        for line in reversed(lines):
            taken = min(line.amount, left)
            if taken:
                line.amount -= taken
                left -= taken
                self._move("reversed", line, consumed=-taken)
            if not line.amount:
                self.lines.remove(line)

    def consumed_for(self, external_type: str, reference: str) -> list[Line]:
        return [
            each
            for each in self.lines
            if (each.kind, each.external_type, each.external_id) == ("consumed", external_type, reference)
        ]

    def require(self, raised: Decimal) -> None:
        """Raise RefusedError where so much more cannot be reserved."""
        if not self.active:
            raise RefusedError(409, "account_inactive")
        if raised > self.remaining:
            raise RefusedError(400, "insufficient_funds")

    def add(self, amount: Decimal) -> None:
        self.movements.append(Movement("budget_changed", None, None, amount, Decimal(0), Decimal(0)))

    def _hold(self, kind: str, reference: str, held: Line | None, amount: Decimal) -> None:
        if not amount:
            raise RefusedError(400, "invalid_input")
        before = Decimal(0) if held is None else held.amount
        if amount > before:
            self.require(amount - before)
        deltas = {"locked": Decimal(0), "consumed": Decimal(0)}
        deltas[kind] += amount
        if held is not None:
            deltas[held.kind] -= held.amount
            if held.kind != kind:
                # It is as new as what was consumed last.
                self.lines.remove(held)
                self.lines.append(held)
            held.kind, held.amount = kind, amount
        else:
            held = Line(kind, CHALLENGE, reference, amount, len(self.movements) + 1)
            self.lines.append(held)
        if any(deltas.values()):
            self._move(kind, held, **deltas)

    def _move(self, kind: str, line: Line, locked: Decimal = Decimal(0), consumed: Decimal = Decimal(0)) -> None:
        moved = Movement(kind, line.external_type, line.external_id, Decimal(0), locked, consumed)
        self.movements.append(moved)

    def _challenge(self, reference: str) -> Line | None:
        key = CHALLENGE, reference
        return next((each for each in self.lines if (each.external_type, each.external_id) == key), None)


def rounded(amount: Decimal) -> Decimal:
    """What an amount with more decimals counts as. Raises RefusedError for a positive one that comes to nothing."""
    found = amount.quantize(STEP, ROUND_HALF_UP)
    if amount and not found:
        raise RefusedError(400, "invalid_input")
    return found
