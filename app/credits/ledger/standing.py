"""An account's credits in memory, as they are after the changes decided so far, and the transactions these make."""

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.credits.hold_models import HoldStatus
from app.credits.ledger import rule
from app.credits.ledger.caps import Cap, Use
from app.credits.ledger.causes import LOT_ENDED, LOT_OWED, Cause
from app.credits.ledger.holds import Hold
from app.credits.ledger.lots import Lot
from app.credits.ledger.transactions import Draws, Transaction
from app.credits.models import TransactionType
from app.customers import states


class Standing:
    """The credits of a locked account. `posted` collects its transactions, perhaps with those of others."""

    def __init__(self, row: Any, lots: Sequence[Lot], posted: list[Transaction], now: datetime) -> None:
        self.account_id: int = row.account_id
        self.credits: int = row.credits
        self.held: int = row.held
        self.debt: int = row.debt
        self.transactions: int = row.transactions
        self.usd_per_credit: Decimal = row.usd_per_credit
        self.due_at: datetime = row.due_at
        # Time of an account never goes back: the clock of another worker may be ahead.
        self.now = max(now, row.moved_at)
        self.lots = list(lots)
        self._frozen = [lot for lot in lots if lot.frozen]
        self.holds: list[Hold] = []
        self.is_capped: bool = row.is_capped
        self.status: str = row.status
        self.caps: list[Cap] = []
        self._moved_at: datetime = row.moved_at
        self._posted = posted
        self._order: deque[Lot] | None = None

    @property
    def available(self) -> int:
        """The credits that can be spent."""
        return self.credits - self.held - self.frozen

    @property
    def frozen(self) -> int:
        """The credits that are neither held nor can be spent."""
        return sum(lot.frozen_rest for lot in self._frozen)

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
        of_account = False, False, False, self.status, self.usd_per_credit
        return rule.Debit(amount, self.credits, self.held, self.frozen, self.debt, 0, *of_account)

    def require_open(self) -> None:
        """Raise Forbidden if the account is closed."""
        states.require_open(self.account_id, self.status)

    def record(
        self, kind: str, draws: Draws, description: str, cause: Cause, *, at: datetime | None = None
    ) -> Transaction:
        """Post a transaction about these lots, now or at an instant between the last one and now."""
        self._moved_at = max(self._moved_at, at or self.now)
        for lot, credits in draws:
            lot.remaining += credits
            self.credits += credits
            if credits > 0:
                self._freed(lot)
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
        """Post the credits of a lot, and pay debt with them."""
        arrived = self.record(lot.transaction_type, [(lot, lot.credits)], lot.description, lot.cause, at=at)
        lot.position = arrived.position
        self.pay_debt(arrived, at=at)
        return arrived

    def add(self, lot: Lot) -> Transaction | None:
        """Add a lot; the transaction that brings its credits, unless it is pending."""
        self.lots.append(lot)
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
                self.expire(lot, lot.free, at)

    def pay_debt(self, arrived: Transaction, *, at: datetime | None = None) -> None:
        """Pay what is owed with credits that arrived just now, as far as they go."""
        draws: Draws = []
        owed = self.debt
        for lot, credits in arrived.draws:
            paid = min(owed, credits, lot.free)
            if paid:
                draws.append((lot, -paid))
                owed -= paid
        if draws:
            self.debt = owed
            description = f"Debt paid: {arrived.description}"[:1000]
            self.record(TransactionType.DEBT_PAYMENT, draws, description, arrived.cause, at=at)

    def freeze(self, lot: Lot, credits: int) -> None:
        """Let so many credits of a lot be frozen."""
        lot.frozen = credits
        self._frozen = [each for each in self.lots if each.frozen]
        self._moved_at = max(self._moved_at, self.now)
        self._freed(lot)

    def count(self, use: Use, amount: int) -> None:
        """Count credits against the caps of their use. Raises PaymentRequired, and then counts nothing."""
        limiting = [cap for cap in self.caps if cap.limits(use)]
        for cap in limiting:
            if cap.used + amount > cap.credits:
                raise cap.reached()
        for cap in limiting:
            cap.used += amount

    def uncount(self, use: Use, amount: int) -> None:
        """Count credits no longer, in the period in which they were counted."""
        for cap in self.caps:
            if cap.limits(use):
                cap.used -= amount

    def hold(self, hold: Hold, draws: Iterable[tuple[Lot, int]]) -> None:
        """Let a hold hold these credits too, which are free."""
        for lot, credits in draws:
            lot.held += credits
            self.held += credits
            hold.remaining += credits
            hold.draws.append((lot, credits))
        self.due_at = min(self.due_at, hold.expires_at)
        self._moved_at = max(self._moved_at, self.now)

    def capture(self, taken: Iterable[tuple[Lot, int]]) -> None:
        """Let credits that were taken out of a hold be held no longer, as they are spent: what is owed becomes debt."""
        for lot, credits in taken:
            owed = min(lot.owed, credits)
            lot.owed -= owed
            lot.debt += owed
            self.debt += owed
            lot.held -= credits
            self.held -= credits

    def free(self, draws: Iterable[tuple[Lot, int]], at: datetime) -> None:
        """Give back credits that were taken out of a hold; what is owed of them and those of ended lots end at once."""
        given = list(draws)
        for lot, credits in given:
            lot.held -= credits
            self.held -= credits
            self._freed(lot)
        self._moved_at = max(self._moved_at, at)
        for lot, credits in given:
            owed = min(lot.owed, credits)
            if owed:
                lot.owed -= owed
                self.record(lot.owed_as or "", [(lot, -owed)], f"Owed: {lot.description}"[:1000], LOT_OWED, at=at)
        self.settle([lot for lot, _ in given], at)

    def end(self, hold: Hold, status: HoldStatus, at: datetime) -> None:
        """End a hold and give back what it still holds."""
        hold.status, hold.ended_at = status, at
        self.uncount(hold.use, hold.remaining)
        self.free(hold.take(hold.remaining), at)

    @property
    def moved_at(self) -> datetime:
        """The time of the last change."""
        return self._moved_at

    def expire(self, lot: Lot, credits: int, at: datetime) -> None:
        """Post the expiry of some of a lot's free credits."""
        description = f"Expired: {lot.description}"[:1000]
        self.record(TransactionType.EXPIRY, [(lot, -credits)], description, LOT_ENDED, at=at)
        lot.expired += credits

    def _freed(self, lot: Lot) -> None:
        """Take note that something of a lot is free again: it is spent in its turn, and expires."""
        self._order = None
        if lot.expires_at is not None:
            self.due_at = min(self.due_at, lot.expires_at)

    def _spendable(self) -> Iterable[Lot]:
        if self._order is None:
            self._order = deque(sorted((lot for lot in self.lots if lot.free), key=rule.spending_key))
        while self._order and not self._order[0].free:
            self._order.popleft()
        return self._order
