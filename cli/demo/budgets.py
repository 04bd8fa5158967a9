"""Clients and their billing accounts: some hardly used, some near their end."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from app.billing_accounts import corrections, grants
from app.billing_accounts import service as billing_accounts
from app.billing_accounts.ledger import single
from app.billing_accounts.ledger.single import Reference
from app.billing_accounts.models import ExternalType, Status
from app.clients import service as clients
from app.clock import utc_now
from app.db.transaction import transaction
from cli.demo.story import DAYS, OPERATOR, Event

CLIENTS = (
    ("demo-acme", "Acme Corporation", "ACME"),
    ("demo-globex", "Globex", "GLBX"),
    ("demo-initech", "Initech", "INIT"),
    ("demo-lakeside", "Lakeside Health", "LAKE"),
    ("demo-northern", "Northern Rail", "NRAIL"),
)
_ANN, _BOB, _KIM = ("40051399", "ann"), ("22838965", "bob"), ("88774631", "kim")


class _Account(NamedTuple):
    client_id: str
    name: str
    budget: str
    markup: str
    users: tuple[tuple[str, str], ...] = ()
    # What is consumed: titles in turn, the amount of each time, and every how many days.
    work: tuple[str, ...] = ()
    amount: str = "0"
    every: int = DAYS
    kind: ExternalType = ExternalType.CHALLENGE
    # What is locked today: title, amount, and days until the lock expires, if it does.
    locked: tuple[tuple[str, str, int | None], ...] = ()
    status: Status = Status.ACTIVE


ACCOUNTS = (
    _Account(
        "demo-acme", "Acme design sprints", "25000", "0.2", (_ANN, _BOB), ("Logo contest", "Icon set"), "1250", 61,
        locked=(("Landing page", "1800", 12), ("Mobile prototype", "2400.50", None)),
    ),
    _Account(
        "demo-acme", "Acme data engagement", "60000", "0.35", (_ANN,), ("Data engineer",), "2150", 14,
        ExternalType.ENGAGEMENT,
    ),
    _Account("demo-globex", "Globex quality assurance", "8000", "0.15", locked=(("Regression suite", "7900", 3),)),
    _Account("demo-initech", "Initech reports", "500", "0"),
    _Account("demo-globex", "Globex staffing", "40000", "0.25"),
    _Account(
        "demo-lakeside", "Lakeside patient portal", "120000", "0.2", (_KIM, _ANN), ("Sprint", "Usability test"),
        "3450.75", 24, locked=(("Appointment reminders", "6200", 20), ("Accessibility audit", "3100", 5)),
    ),
    _Account(
        "demo-northern", "Northern ticketing", "48000", "0.3", (_KIM,), ("Seat map", "Fare engine"), "3640", 28,
        locked=(("Refund flow", "480", None),),
    ),
    _Account(
        "demo-northern", "Northern timetable study", "15000", "0.1", (_BOB,), ("Study",), "1400", 75,
        status=Status.INACTIVE,
    ),
    _Account("demo-lakeside", "Lakeside staffing", "18000", "0.25", (_KIM,)),
)  # fmt: skip
# By the name of an account; filled while the accounts are created.
IDS: dict[str, int] = {}


def events() -> Iterator[Event]:
    """The accounts, and what was locked, consumed, corrected and added in the year."""
    yield 0, _create_clients
    for number, account in enumerate(ACCOUNTS):
        yield 1, partial(_create, account)
        for turn, day in enumerate(range(2 + account.every // 2 + number, DAYS, account.every)):
            if account.work:
                title = account.work[turn % len(account.work)]
                yield day, partial(_consume, account, f"{30376000 + 100 * number + turn}", title)
        for turn, (title, amount, days) in enumerate(account.locked):
            yield DAYS - 2, partial(_lock, account, f"{30377000 + 10 * number + turn}", title, amount, days)
        if account.status != Status.ACTIVE:
            yield DAYS, partial(_end, account)
    yield DAYS - 40, _adjust


def _create_clients() -> None:
    with transaction():
        for client_id, name, code_name in CLIENTS:
            clients.create({"id": client_id, "name": name, "code_name": code_name, "start_date": utc_now()})


def _create(account: _Account) -> None:
    values = {
        "name": account.name,
        "client_id": account.client_id,
        "budget": Decimal(account.budget),
        "markup": Decimal(account.markup),
        "start_date": utc_now(),
        "end_date": utc_now() + timedelta(days=DAYS + 90),
    }
    with transaction():
        IDS[account.name] = billing_accounts.create(OPERATOR, values).id
        for user_id, handle in account.users:
            grants.grant(IDS[account.name], user_id, handle)


def _consume(account: _Account, external_id: str, title: str) -> None:
    with transaction():
        single.consume(IDS[account.name], Reference(account.kind, external_id, title), Decimal(account.amount))


def _lock(account: _Account, external_id: str, title: str, amount: str, days: int | None) -> None:
    expires_at = None if days is None else utc_now() + timedelta(days=days)
    reference = Reference(ExternalType.CHALLENGE, external_id, title)
    with transaction():
        single.lock(IDS[account.name], reference, Decimal(amount), expires_at=expires_at)


def _adjust() -> None:
    with transaction():
        corrections.adjust(IDS["Acme data engagement"], Decimal(2500), reason="Order 4711 was extended")


def _end(account: _Account) -> None:
    with transaction():
        billing_accounts.update(IDS[account.name], {"status": account.status}, None)
