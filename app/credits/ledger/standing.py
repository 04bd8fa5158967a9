"""An account's credits in memory, as they are after the changes decided so far, and the transactions these make.

What falls due takes effect, and is stamped, at its own instant, whoever finds it: the next write posts it before
anything else, and reads count it until then.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, NamedTuple

from app.credits.ledger import rule
from app.credits.ledger.causes import LOT_ENDED, MONTH_BEGAN, Cause
from app.credits.ledger.lots import Lot
from app.credits.models import ROLLOVER_NONE, LotSource, TransactionType

# The lots that credits are drawn from (negative) or go to, and how many.
Draws = list[tuple[Lot, int]]
# What happens at the same instant happens in this order.
_LOT_EXPIRES, _CREDITS_ARRIVE = range(2)


class Month(NamedTuple):
    """A month of an account that is not granted yet: its plan, and what the plan grants."""

    account_id: int
    month: date
    effective_at: datetime
    plan: str
    credits_per_month: int
    rollover: str


# An instant, what happens at it, a number that tells apart what happens together, and the month or lot.
_Event = tuple[datetime, int, int, "Month | Lot"]


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
    id: int | None = None

    @property
    def credits_used(self) -> int:
        """The credits that went."""
        return -self.amount

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


class Standing:
    """The credits of a locked account. `posted` collects its transactions, perhaps with those of others."""

    def __init__(self, row: Any, lots: Sequence[Lot], posted: list[Transaction], now: datetime) -> None:
        self.account_id: int = row.account_id
        self.credits: int = row.credits
        self.held: int = row.held
        self.transactions: int = row.transactions
        self.usd_per_credit: Decimal = row.usd_per_credit
        self.due_at: datetime = row.due_at
        # Time of an account never goes back: the clock of another worker may be ahead.
        self.now = max(now, row.moved_at)
        self.lots = list(lots)
        self.months: list[Month] = []
        self._moved_at: datetime = row.moved_at
        self._posted = posted
        self._order: deque[Lot] | None = None

    @property
    def available(self) -> int:
        """The credits that can be spent."""
        return self.credits - self.held

    @property
    def is_due(self) -> bool:
        """Whether something may have to be posted first."""
        return bool(self.due_at <= self.now)

    def lot(self, lot_id: int) -> Lot | None:
        """A lot that is live or was asked for."""
        return next((each for each in self.lots if each.id == lot_id), None)

    def draw(self, amount: int) -> Draws:
        """So many credits, of which there are enough, from lots in spending order."""
        draws: Draws = []
        for lot in self._spendable():
            taken = min(amount, lot.free)
            if taken:
                draws.append((lot, -taken))
                amount -= taken
            if not amount:
                break
        return draws

    def debit(self, amount: int) -> rule.Debit:
        """What the rules are asked about a debit."""
        return rule.Debit(amount, self.credits, self.held, 0, is_due=False, usd_per_credit=self.usd_per_credit)

    def record(
        self, kind: str, draws: Draws, description: str, cause: Cause, *, at: datetime | None = None
    ) -> Transaction:
        """Post a transaction about these lots, now or at an instant between the last one and now."""
        self._moved_at = max(self._moved_at, at or self.now)
        for lot, credits in draws:
            lot.remaining += credits
            self.credits += credits
            if credits > 0:
                self._order = None
        self.transactions += 1
        transaction = Transaction(
            self.account_id,
            self.transactions,
            sum(credits for _, credits in draws),
            kind,
            description,
            self.credits,
            draws,
            cause,
            self._moved_at,
        )
        self._posted.append(transaction)
        return transaction

    def arrive(self, lot: Lot, at: datetime | None = None) -> Transaction:
        """Post the credits of a lot; those that expired before it came expire at once."""
        arrived = self.record(lot.transaction_type, [(lot, lot.credits)], lot.description, lot.cause, at=at)
        lot.position = arrived.position
        return arrived

    def add(self, lot: Lot) -> Transaction | None:
        """Add a lot; the transaction that brings its credits, unless it is pending."""
        self.lots.append(lot)
        if lot.expires_at is not None:
            self.due_at = min(self.due_at, lot.expires_at)
        if lot.effective_at > self.now:
            self.due_at = min(self.due_at, lot.effective_at)
            return None
        return self.arrive(lot)

    def arrival(self, lot: Lot) -> Transaction | None:
        """The transaction that brought the credits of a lot just now."""
        return next((each for each in self._posted if each.draws[0][0] is lot and each.position == lot.position), None)

    def settle(self, lots: Iterable[Lot], at: datetime) -> None:
        """Post the end of what is free, at an instant, of lots that are voided or have expired by then."""
        for lot in lots:
            if not lot.free:
                continue
            if lot.voided:
                voided = lot.free
                self.record(
                    TransactionType.VOID, [(lot, -voided)], f"Voided: {lot.description}"[:1000], LOT_ENDED, at=at
                )
                lot.voided += voided
            elif lot.expires_at is not None and lot.expires_at <= at:
                self._expire(lot, lot.free, at)

    def advance(self, months: Iterable[Month]) -> None:
        """Post what fell due up to now, in its order; `months` are those not granted yet."""
        order = count()
        events: list[_Event] = [(month.effective_at, _CREDITS_ARRIVE, next(order), month) for month in months]
        for lot in self.lots:
            if lot.is_pending:
                events.append((lot.effective_at, _CREDITS_ARRIVE, next(order), lot))
            elif lot.expires_at is not None and lot.free:
                events.append((lot.expires_at, _LOT_EXPIRES, next(order), lot))
        heapify(events)
        while events and events[0][0] <= self.now:
            at, kind, _, what = heappop(events)
            arrived = self._begin_month(what) if isinstance(what, Month) else what
            if kind == _LOT_EXPIRES and arrived is not None:
                self.settle([arrived], at)
                continue
            if arrived is not None:
                self.arrive(arrived, at)
                if arrived.expires_at is not None:
                    heappush(events, (arrived.expires_at, _LOT_EXPIRES, next(order), arrived))
        self.due_at = min([_next_month(self.now), *self._instants()])

    @property
    def moved_at(self) -> datetime:
        """The time of the last change."""
        return self._moved_at

    def _begin_month(self, month: Month) -> Lot | None:
        """Keep of the plan's credits what the plan lets roll over; the lot of the month, if it brings credits."""
        self.months.append(month)
        if month.rollover.isdigit():
            self._cut(int(month.rollover), month.effective_at)
        if not month.credits_per_month:
            return None
        lot = Lot(
            None,
            LotSource.PLAN,
            month.credits_per_month,
            month.effective_at,
            # Granted late it is there for the rest of the present month, not of its own.
            _next_month(self.now) if month.rollover == ROLLOVER_NONE else None,
            TransactionType.GRANT,
            MONTH_BEGAN,
            self.now,
            f"{month.plan} plan, {month.month:%B %Y}",
        )
        self.lots.append(lot)
        return lot

    def _cut(self, most: int, at: datetime) -> None:
        """Let the oldest of the plan's credits above `most` expire, but for those that are held."""
        lots = sorted((lot for lot in self.lots if lot.source == LotSource.PLAN and lot.free), key=_age)
        above = sum(lot.free for lot in lots) - most
        for lot in lots:
            if above <= 0:
                break
            taken = min(above, lot.free)
            self._expire(lot, taken, at)
            above -= taken

    def _expire(self, lot: Lot, credits: int, at: datetime) -> None:
        description = f"Expired: {lot.description}"[:1000]
        self.record(TransactionType.EXPIRY, [(lot, -credits)], description, LOT_ENDED, at=at)
        lot.expired += credits

    def _spendable(self) -> Iterable[Lot]:
        if self._order is None:
            self._order = deque(sorted((lot for lot in self.lots if lot.free), key=rule.spending_key))
        while self._order and not self._order[0].free:
            self._order.popleft()
        return self._order

    def _instants(self) -> Iterable[datetime]:
        """When something falls due after now, but for months."""
        for lot in self.lots:
            if lot.is_pending:
                yield lot.effective_at
            elif lot.free and lot.expires_at is not None:
                yield lot.expires_at


def _age(lot: Lot) -> tuple[datetime, int]:
    return lot.effective_at, lot.id or 0


def _next_month(moment: datetime) -> datetime:
    first = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
