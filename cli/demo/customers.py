"""Customers of every kind: one who uses and buys a lot, and others who are new, waiting, suspended and gone."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from app import tenancy
from app.api_keys import service as api_keys
from app.auth.actor import Actor
from app.auth.permissions import READ_ACCOUNT
from app.clock import utc_now
from app.credits import accounts, caps, holds, plans
from app.credits import service as credits
from app.credits.ledger.planning import Starts
from app.customers import membership, team
from app.customers.models import MemberRole
from app.db.transaction import transaction
from app.desk import account_life
from app.desk import accounts as desk_accounts
from app.purchases import packages, refunds
from app.purchases import payments as purchases
from app.purchases.models import PaymentMethod
from cli.demo.story import DAYS, OPERATOR, Event

_PLAN = "Studio"
_RESEARCH, _IMAGES, _TRANSLATION = "keyword_research", "image_generation", "translation"
# The usage of each day of a week.
_BUSY: tuple[tuple[tuple[str, int], ...], ...] = (
    ((_RESEARCH, 5), (_IMAGES, 20)),
    ((_RESEARCH, 3), (_TRANSLATION, 12)),
    ((_IMAGES, 40),),
    ((_TRANSLATION, 8), (_RESEARCH, 4)),
    ((_IMAGES, 15), (_TRANSLATION, 6)),
    (),
    ((_RESEARCH, 2),),
)


def _person(user_id: str, email: str) -> Actor:
    return Actor(
        subject=user_id,
        user_id=user_id,
        handle=None,
        email=email,
        email_verified=True,
        roles=frozenset(),
        scopes=frozenset(),
    )


HARBOUR = _person("demo-customer", "customer@demo.example")
_NORTHWIND = _person("demo-northwind", "lena@northwind.example")
_LANTERN = _person("demo-lantern", "omar@lantern.example")
_MILL = _person("demo-mill", "ines@oldmill.example")
_KITE = _person("demo-kite", "yuki@kite.example")
# Who owns it, its settings, and the day on which it was opened.
CUSTOMERS: tuple[tuple[Actor, dict[str, Any], int], ...] = (
    (HARBOUR, {"name": "Harbour Studio", "billing_city": "Cork", "billing_country": "Ireland"}, 0),
    (_NORTHWIND, {"name": "Northwind Research", "billing_city": "Hamburg", "billing_country": "Germany"}, 40),
    (_MILL, {"name": "Old Mill Press", "billing_city": "Porto", "billing_country": "Portugal"}, 60),
    (_LANTERN, {"name": "Blue Lantern", "billing_city": "Toronto", "billing_country": "Canada"}, 210),
    (_KITE, {"name": "凧 Kite & Co", "billing_city": "Kyoto", "billing_country": "Japan"}, DAYS - 6),
)


def events() -> Iterator[Event]:
    """What each customer did, and what staff did about them."""
    yield 0, _add_plan
    for owner, settings, day in CUSTOMERS:
        yield day, partial(_open, owner, settings)
    yield from _harbour()
    yield from _northwind()
    yield 62, partial(_buy, _MILL, approved=True)
    yield from _uses(_MILL, range(63, 150, 5))
    yield 200, partial(_by_staff, _MILL, account_life.close, "The company was dissolved")
    yield 214, partial(_buy, _LANTERN, approved=True)
    yield from _uses(_LANTERN, range(216, DAYS, 6))
    yield DAYS - 25, partial(_buy, _LANTERN, approved=False)
    yield DAYS - 3, partial(_buy, _KITE, approved=False)
    yield from _uses(_KITE, range(DAYS - 5, DAYS, 2))


def _harbour() -> Iterator[Event]:
    yield 1, partial(_by_staff, HARBOUR, _put_on_plan, "As ordered")
    for day in range(0, DAYS, 14):
        yield day, partial(_buy, HARBOUR, approved=True)
    # Of the last weeks every day, of those before every third.
    yield from _uses(HARBOUR, [day for day in range(DAYS) if day >= DAYS - 60 or day % 3 == 0])
    yield DAYS - 30, partial(_refund, HARBOUR)
    yield DAYS - 20, _set_up_harbour
    yield DAYS, _hold


def _northwind() -> Iterator[Event]:
    yield 45, partial(_buy, _NORTHWIND, approved=True)
    yield from _uses(_NORTHWIND, range(46, 300, 4))
    yield 120, partial(_grant, _NORTHWIND, 300, "Apology for the outage of 4 May")
    yield 320, partial(_by_staff, _NORTHWIND, account_life.suspend, "Three invoices are overdue")


def _uses(customer: Actor, days: range | list[int]) -> Iterator[Event]:
    for day in days:
        if _BUSY[day % len(_BUSY)]:
            yield day, partial(_use, customer, _BUSY[day % len(_BUSY)])


def _add_plan() -> None:
    terms = {"credits_per_month": 400, "usd_per_credit": Decimal("0.008"), "rollover": "none", "is_default": False}
    with transaction():
        plans.create({"name": _PLAN, **terms})


def _open(owner: Actor, settings: dict[str, Any]) -> None:
    with transaction():
        tenancy.set_person(**membership.own(owner))
        accounts.create(owner, settings, limit=1)


def _use(customer: Actor, items: tuple[tuple[str, int], ...]) -> None:
    with transaction():
        own = membership.resolve(customer)
        spent = [
            {"operation_type": kind, "credits_used": used, "description": "", "user_id": ""} for kind, used in items
        ]
        credits.spend_many(customer, own, spent)


def _buy(customer: Actor, *, approved: bool) -> None:
    """Buy the cheapest package by bank transfer. Purchases commit their own transactions."""
    with transaction():
        own = membership.resolve(customer)
        cheapest = packages.search(own, {"page": 1, "per_page": 1}).results[0]
    bought = purchases.purchase(customer, own, cheapest["id"], PaymentMethod.MANUAL, request_key=None)
    if approved:
        with transaction():
            purchases.approve(OPERATOR, bought["payment"].id, {})


def _refund(customer: Actor) -> None:
    """Refund a part of the latest purchase."""
    with transaction():
        own = membership.resolve(customer)
        latest = purchases.search(own.account_id, {"page": 1, "per_page": 1}).results[0]
    asked = {"amount": Decimal("1.80"), "credits": None, "reason": "Fewer seats than ordered"}
    refunds.refund(OPERATOR, latest.id, asked, None)


def _grant(customer: Actor, amount: int, why: str) -> None:
    with transaction():
        account_id = membership.resolve(customer).account_id
        expires_at = utc_now() + timedelta(days=DAYS)
        credits.grant(
            {
                "account_id": account_id,
                "amount": amount,
                "description": why,
                "transaction_type": "grant",
                "priority": 100,
                "reference": "",
                "expires_at": expires_at,
            }
        )


def _set_up_harbour() -> None:
    """Invite people, limit one of them, and issue a key."""
    with transaction():
        own = membership.resolve(HARBOUR)
        for email, role in (("mia@demo.example", MemberRole.ADMIN), ("noah@demo.example", MemberRole.MEMBER)):
            team.invite(HARBOUR, own, email, role)
        caps.put(
            own.account_id,
            {"kind": "operation", "subject": _IMAGES, "period": "month", "credits": 1000},
        )
        api_keys.create(own.account_id, api_keys.Terms("Nightly export", [READ_ACCOUNT]))


def _hold() -> None:
    item = {
        "amount": 60,
        "operation_type": _IMAGES,
        "reference": "render-2041",
        "expires_in": 86_400,
        "over_capture": "refuse",
        "description": "Campaign pictures",
        "user_id": "",
    }
    with transaction():
        holds.create(HARBOUR, membership.resolve(HARBOUR), item)


def _by_staff(customer: Actor, act: Callable[[desk_accounts.Account, str], object], why: str) -> None:
    with transaction():
        account_id = membership.resolve(customer).account_id
        act(desk_accounts.enter(account_id), why)


def _put_on_plan(account: desk_accounts.Account, why: str) -> None:
    account_life.put_on_plan(account, {"plan": _PLAN, "starts": Starts.NEXT_MONTH, "reason": why})
