"""What falls due of an account: lots and holds that expire, lots that arrive, months that begin.

It takes effect, and is stamped, at its own instant, whichever request finds it: the next write posts it before anything
else, and reads count it until then.
"""

from collections.abc import Iterable
from datetime import date, datetime
from heapq import heapify, heappop, heappush
from itertools import count
from typing import NamedTuple

from app.credits.hold_models import HoldStatus
from app.credits.ledger.causes import MONTH_BEGAN, Cause
from app.credits.ledger.holds import Hold
from app.credits.ledger.lots import Lot
from app.credits.ledger.standing import Standing
from app.credits.models import LotSource, TransactionType
from app.credits.plan_models import ROLLOVER_NONE
from app.customers.models import AccountStatus

# What happens at the same instant happens in this order.
_HOLD_EXPIRES, _LOT_EXPIRES, _CREDITS_ARRIVE = range(3)


class Month(NamedTuple):
    """A month of an account that is not granted yet: its plan, and what the plan grants, unless it `is_missed`."""

    account_id: int
    month: date
    effective_at: datetime
    plan: str
    credits_per_month: int
    rollover: str
    is_missed: bool = False

    @property
    def granted(self) -> int:
        """The credits that the account gets."""
        return 0 if self.is_missed else self.credits_per_month


# An instant, what happens at it, a number that tells apart what happens together, and what it happens to.
_Event = tuple[datetime, int, int, Month | Lot | Hold]


def advance(standing: Standing, months: Iterable[Month]) -> list[Month]:
    """Post what fell due up to now, in its order, and look up when something will next.

    `months` are those not granted yet; those that began are returned. The account has its open holds that expired, and
    of the others the one that expires first.
    """
    order = count()
    events = [(at, kind, next(order), what) for at, kind, what in _events(standing, months)]
    heapify(events)
    begun: list[Month] = []
    # A month that begins while the account is suspended or closed grants nothing, also later.
    is_granted = standing.status == AccountStatus.ACTIVE
    while events and events[0][0] <= standing.now:
        at, kind, _, what = heappop(events)
        if isinstance(what, Hold):
            standing.end(what, HoldStatus.EXPIRED, at)
        elif isinstance(what, Lot) and kind == _LOT_EXPIRES:
            standing.settle([what], at)
        else:
            arrived: Lot | None
            if isinstance(what, Month):
                month = what._replace(is_missed=not is_granted)
                begun.append(month)
                arrived = _begin(standing, month)
            else:
                arrived = what
            if arrived is not None:
                standing.arrive(arrived, at)
                if arrived.expires_at is not None:
                    heappush(events, (arrived.expires_at, _LOT_EXPIRES, next(order), arrived))
    ahead = (at for at, _, _ in _events(standing, ()) if at > standing.now)
    standing.due_at = min([next_month(standing.now), *ahead])
    return begun


def next_month(moment: datetime) -> datetime:
    """The first instant of the month after that of `moment`."""
    first = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)


def _events(standing: Standing, months: Iterable[Month]) -> Iterable[tuple[datetime, int, Month | Lot | Hold]]:
    """Everything that happens to the account by itself, in no order."""
    for month in months:
        yield month.effective_at, _CREDITS_ARRIVE, month
    for lot in standing.lots:
        if lot.is_pending:
            yield lot.effective_at, _CREDITS_ARRIVE, lot
        elif lot.expires_at is not None and lot.remaining:
            # Also while all of it is held: what is given back before then expires with it.
            yield lot.expires_at, _LOT_EXPIRES, lot
    for hold in standing.holds:
        if hold.is_open:
            yield hold.expires_at, _HOLD_EXPIRES, hold


def _begin(standing: Standing, month: Month) -> Lot | None:
    """Keep of the plan's credits what the plan lets roll over; the lot of the month, if it brings credits."""
    if month.rollover.isdigit():
        _cut(standing, int(month.rollover), month.effective_at)
    if not month.granted:
        return None
    description = f"{month.plan} plan, {month.month:%B %Y}"
    lot = lot_of_plan(month.granted, standing, month.rollover, MONTH_BEGAN, description)
    lot.effective_at = month.effective_at
    standing.lots.append(lot)
    return lot


def lot_of_plan(credits: int, standing: Standing, rollover: str, cause: Cause, description: str) -> Lot:
    """A new lot of credits that a plan grants now."""
    now = standing.now
    # Granted late it is there for the rest of the present month, not of its own.
    expires_at = next_month(now) if rollover == ROLLOVER_NONE else None
    return Lot(None, LotSource.PLAN, credits, now, expires_at, TransactionType.GRANT, cause, now, description)


def _cut(standing: Standing, most: int, at: datetime) -> None:
    """Let the oldest of the plan's credits above `most` expire, but for those that are held."""
    lots = sorted((lot for lot in standing.lots if lot.source == LotSource.PLAN and lot.free), key=_age)
    above = sum(lot.free for lot in lots) - most
    for lot in lots:
        if above <= 0:
            break
        taken = min(above, lot.free)
        standing.expire(lot, taken, at)
        above -= taken


def _age(lot: Lot) -> tuple[datetime, int]:
    return lot.effective_at, lot.id or 0
