"""Which credits are spent and which expire, against a model that knows every single credit."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import NamedTuple

from app.credits.ledger import due
from app.credits.ledger.causes import Cause
from app.credits.ledger.lots import Lot
from app.credits.ledger.standing import Standing
from app.credits.ledger.transactions import Transaction
from app.credits.models import LotSource, TransactionType
from app.customers.models import AccountStatus
from tests.conftest import Scale

SEED = 20_260
START = datetime(2031, 3, 1, tzinfo=UTC)
HOURS = [START + timedelta(hours=hour) for hour in range(12)]
CAUSE = Cause(b"", "command", "test")
LATER = datetime(2040, 1, 1, tzinfo=UTC)


class Credit(NamedTuple):
    """One credit, with what decides about it in the order of spending."""

    priority: int
    expires_at: datetime
    is_bought: bool
    effective_at: datetime
    lot_id: int


def lots(chance: random.Random) -> list[Lot]:
    """Lots that arrive at some hour, of which some expire at a later one."""
    made = []
    for lot_id in range(1, chance.randrange(2, 6)):
        arrives = chance.randrange(4)
        expires = chance.choice((None, chance.randrange(arrives + 1, 10)))
        source = chance.choice((LotSource.GRANT, LotSource.PURCHASE))
        times = HOURS[arrives], None if expires is None else HOURS[expires]
        lot = Lot(lot_id, source, chance.randrange(1, 6), *times, TransactionType.GRANT, CAUSE, START)
        lot.priority = chance.choice((100, 100, 7))
        made.append(lot)
    return made


def single_credits(made: list[Lot]) -> list[Credit]:
    return [
        Credit(lot.priority, lot.expires_at or LATER, lot.is_bought, lot.effective_at, lot.id or 0)
        for lot in made
        for _ in range(lot.credits)
    ]


def advanced(made: list[Lot], hour: datetime, posted: list[Transaction]) -> Standing:
    """The account at an hour, as it is read for a write."""
    sums = sum(lot.remaining for lot in made), sum(lot.held for lot in made)
    names = (
        "account_id",
        "credits",
        "held",
        "transactions",
        "usd_per_credit",
        "due_at",
        "moved_at",
        "is_capped",
        "debt",
    )
    values = (1, *sums, len(posted), Decimal(0), START, START, False, 0)
    row = SimpleNamespace(status=AccountStatus.ACTIVE, **dict(zip(names, values, strict=True)))
    standing = Standing(row, made, posted, hour)
    due.advance(standing, ())
    return standing


def run(chance: random.Random) -> int:
    """One history; how many transactions it made."""
    made, posted = lots(chance), list[Transaction]()
    waiting = single_credits(made)
    here: list[Credit] = []
    for hour in sorted(chance.choices(HOURS, k=3)):
        standing = advanced(made, hour, posted)
        here = [each for each in (*here, *waiting) if each.effective_at <= hour < each.expires_at]
        waiting = [each for each in waiting if each.effective_at > hour]
        amount = chance.randrange(1, 9)
        assert standing.available == len(here)
        assert standing.due_at > hour
        if amount <= standing.available:
            here.sort()
            draws = standing.draw(amount)
            taken = [lot.id for lot, credits in draws for _ in range(-credits)]
            assert taken == [each.lot_id for each in here[:amount]]
            standing.record(TransactionType.DEDUCTION, draws, "", CAUSE)
            here = here[amount:]
    assert [each.created_at for each in posted] == sorted(each.created_at for each in posted)
    assert sum(each.amount for each in posted) == len(here)
    return len(posted)


def test_credits_are_spent_and_expire_in_order(scale: Scale) -> None:
    histories = scale(100_000, 5_000)
    chance = random.Random(SEED)
    transactions = sum(run(chance) for _ in range(histories))
    assert transactions > 4 * histories
