"""`flask demo`: a small demo data set."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import click

from app import clock, tenancy
from app.auth.actor import Actor
from app.auth.permissions import Role
from app.billing_accounts import grants
from app.billing_accounts import service as billing_accounts
from app.billing_accounts.ledger import single
from app.billing_accounts.ledger.single import Reference
from app.billing_accounts.models import ExternalType
from app.clients import service as clients
from app.clock import utc_now
from app.credits import accounts
from app.credits import service as credits
from app.customers import membership
from app.db.transaction import transaction
from app.errors import NotFound, only
from app.purchases import packages
from app.purchases import payments as purchases
from app.purchases.models import PaymentMethod
from app.work_periods import bookings, payments, periods
from app.work_periods.models import PaymentStatus, RateType
from app.work_periods.permissions import PROCESS_PAYMENTS
from cli.database import with_database

_OPERATOR = Actor(
    subject="demo",
    user_id="demo",
    handle="demo",
    email=None,
    roles=frozenset({Role.ADMINISTRATOR}),
    scopes=frozenset({PROCESS_PAYMENTS.lower()}),
)
_CUSTOMER = Actor(
    subject="demo-customer",
    user_id="demo-customer",
    handle=None,
    email="customer@demo.example",
    email_verified=True,
    roles=frozenset(),
    scopes=frozenset(),
)
_YEAR_START, _YEAR_END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)

_CLIENTS = (
    ("demo-acme", "Acme Corporation", "ACME"),
    ("demo-globex", "Globex", "GLBX"),
    ("demo-initech", "Initech", "INIT"),
)


class _Account(NamedTuple):
    client_id: str
    name: str
    budget: Decimal
    markup: Decimal
    users: tuple[tuple[str, str], ...]
    locked: tuple[tuple[str, str, str], ...]
    consumed: tuple[tuple[ExternalType, str, str, str], ...]


_ACCOUNTS = (
    _Account(
        "demo-acme",
        "Acme design sprints 2025",
        Decimal(25000),
        Decimal("0.2"),
        (("40051399", "ann"), ("22838965", "bob")),
        (("30376875", "Landing page", "1800"), ("30376912", "Mobile prototype", "2400.50")),
        ((ExternalType.CHALLENGE, "30376120", "Logo contest", "1250"),),
    ),
    _Account(
        "demo-acme",
        "Acme data engagement",
        Decimal(60000),
        Decimal("0.35"),
        (("40051399", "ann"),),
        (),
        (
            (ExternalType.ENGAGEMENT, "5f2d7c9e-week-01", "Data engineer", "2150"),
            (ExternalType.ENGAGEMENT, "5f2d7c9e-week-02", "Data engineer", "2150"),
        ),
    ),
    _Account(
        "demo-globex",
        "Globex quality assurance",
        Decimal(8000),
        Decimal("0.15"),
        (),
        (("30377001", "Regression suite", "7900"),),
        (),
    ),
    _Account("demo-initech", "Initech TPS reports", Decimal(500), Decimal(0), (), (), ()),
    _Account("demo-globex", "Globex staffing", Decimal(20000), Decimal("0.25"), (), (), ()),
)
# Payments of the first weeks of the booking: days (None for all), and the statuses they move to.
_PAYMENTS: tuple[tuple[int | None, tuple[PaymentStatus, ...]], ...] = (
    (None, (PaymentStatus.IN_PROGRESS, PaymentStatus.COMPLETED)),
    (3, (PaymentStatus.IN_PROGRESS, PaymentStatus.COMPLETED)),
    (None, (PaymentStatus.IN_PROGRESS,)),
    (None, (PaymentStatus.IN_PROGRESS, PaymentStatus.FAILED)),
    (2, ()),
)


_DAYS, _BUYS_EVERY_DAYS = 40, 14
# The usage of each day of a week.
_USAGE = (
    (("keyword_research", 5), ("image_generation", 20)),
    (("keyword_research", 3), ("translation", 12)),
    (("image_generation", 40),),
    (("translation", 8), ("keyword_research", 4)),
    (("image_generation", 15), ("translation", 6)),
    (),
    (("keyword_research", 2),),
)


@click.command(epilog="Example: flask demo")
@with_database
def demo() -> None:
    """Load a small demo data set. Loading it again changes nothing."""
    try:
        clients.get(_CLIENTS[0][0])
    except NotFound:
        opened = utc_now().replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=_DAYS)
        with transaction():
            with clock.at(opened):
                for client_id, name, code_name in _CLIENTS:
                    clients.create({"id": client_id, "name": name, "code_name": code_name, "start_date": _YEAR_START})
                account_ids = [_create(account) for account in _ACCOUNTS]
            _staff(account_ids[-1])
        _use_credits(opened)
        click.echo(
            f"Loaded {len(_CLIENTS)} clients, {len(_ACCOUNTS)} billing accounts, a booking with payments, and the user"
            f" {_CUSTOMER.user_id!r} with an account and credits."
        )
    else:
        click.echo("The demo data is already loaded.")


def _create(wanted: _Account) -> int:
    values = {
        "name": wanted.name,
        "client_id": wanted.client_id,
        "budget": wanted.budget,
        "markup": wanted.markup,
        "start_date": _YEAR_START,
        "end_date": _YEAR_END,
    }
    account_id: int = billing_accounts.create(_OPERATOR, values).id
    for user_id, handle in wanted.users:
        grants.grant(account_id, user_id, handle)
    for external_id, name, amount in wanted.locked:
        single.lock(account_id, Reference(ExternalType.CHALLENGE, external_id, name), Decimal(amount))
    for external_type, external_id, name, amount in wanted.consumed:
        single.consume(account_id, Reference(external_type, external_id, name), Decimal(amount))
    return account_id


def _staff(account_id: int) -> None:
    """Create a booking on the account, and pay some of its weeks."""
    booking = bookings.create(
        _OPERATOR,
        {
            "project_id": 17234,
            "user_id": "40051399",
            "user_handle": "ann",
            "start_date": date(2025, 1, 6),
            "end_date": date(2025, 2, 28),
            "member_rate": Decimal(1500),
            "customer_rate": Decimal(2100),
            "rate_type": RateType.WEEKLY,
            "billing_account_id": account_id,
        },
    )
    found = periods.search(
        {"resource_booking_ids": [str(booking.id)], "page": 1, "per_page": 100, "sort_by": "start_date"}
    )
    for period, (days, statuses) in zip(found.results, _PAYMENTS, strict=False):
        item = {"work_period_id": str(period.id), **({} if days is None else {"days": days})}
        payment = only(payments.create_many(_OPERATOR, [item]))
        for status in statuses:
            only(payments.update_many(_OPERATOR, [{"id": payment["id"], "status": status}]))


def _use_credits(opened: datetime) -> None:
    """Create the last weeks of a customer: an account, purchases, and usage on most days."""
    with clock.at(opened), transaction():
        settings = {"name": "Harbour Studio", "billing_city": "Cork", "billing_country": "Ireland"}
        tenancy.set_person(**membership.own(_CUSTOMER))
        accounts.create(_CUSTOMER, settings, limit=1)
    for day in range(_DAYS):
        with clock.at(opened + timedelta(days=day)):
            if day % _BUYS_EVERY_DAYS == 0:
                _buy()
            with transaction():
                own = membership.resolve(_CUSTOMER)
                for operation, used in _USAGE[day % len(_USAGE)]:
                    item = {"operation_type": operation, "credits_used": used, "description": "", "user_id": ""}
                    credits.spend(_CUSTOMER, own, item)


def _buy() -> None:
    """Buy the cheapest package by bank transfer. Purchases commit their own transactions."""
    with transaction():
        own = membership.resolve(_CUSTOMER)
        cheapest = packages.search(own.account_id, {"page": 1, "per_page": 1}).results[0]
    bought = purchases.purchase(_CUSTOMER, own, cheapest["id"], PaymentMethod.MANUAL, request_key=None)
    with transaction():
        purchases.approve(_OPERATOR, bought["payment"].id, {})
