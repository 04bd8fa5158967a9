"""One object of each kind, with what changes it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.caller import ACCOUNTS, Caller, data
from tests.factories.accounts import create_account, create_client
from tests.factories.bookings import BOOKINGS, PAYMENTS, PERIODS, create_booking, pay, periods_of
from tests.factories.customers import TEAM, invite, open_customer
from tests.factories.purchases import add_rate


class Changeable(NamedTuple):
    """An object that PATCH changes: its path, two changes, and a caller who may make them."""

    path: str
    changes: tuple[Any, Any]
    caller: Caller


Make = Callable[[Caller, Caller], Changeable]


def _client(staff: Caller, _: Caller) -> Changeable:
    return Changeable(f"/v6/clients/{create_client(staff)}", ({"name": "Beta"}, {"name": "Gamma"}), staff)


def _billing_account(staff: Caller, _: Caller) -> Changeable:
    account_id = create_account(staff, create_client(staff))
    return Changeable(f"{ACCOUNTS}/{account_id}", ({"budget": 200}, {"budget": 300}), staff)


def _booking(staff: Caller, _: Caller) -> Changeable:
    booking = create_booking(staff)
    return Changeable(f"{BOOKINGS}/{booking['id']}", ({"memberRate": 600}, {"endDate": "2025-03-28"}), staff)


def _period(staff: Caller, _: Caller) -> Changeable:
    period = periods_of(staff, create_booking(staff)["id"])[0]
    return Changeable(f"{PERIODS}/{period}", ({"daysWorked": 4}, {"daysWorked": 3}), staff)


def _payment(staff: Caller, _: Caller) -> Changeable:
    account_id = create_account(staff, create_client(staff), budget=10_000)
    payment = pay(staff, periods_of(staff, create_booking(staff, account_id)["id"])[0])
    return Changeable(f"{PAYMENTS}/{payment['id']}", ({"days": 2}, {"amount": 7}), staff)


def _settings(_: Caller, owner: Caller) -> Changeable:
    open_customer(owner)
    return Changeable("/v1/account/settings", ({"name": "Quay Studio"}, {"billing_city": "Cork"}), owner)


def _team_member(_: Caller, owner: Caller) -> Changeable:
    open_customer(owner)
    member = invite(owner, "kim@harbour.example")
    return Changeable(f"{TEAM}{member['id']}", ({"role": "admin"}, {"role": "member"}), owner)


def _tax_rate(staff: Caller, _: Caller) -> Changeable:
    rate = add_rate(staff, "IE", "0.21", valid_to="2020-08-31")
    return Changeable(f"/v1/admin/tax-rates/{rate['id']}", ({"rate": "0.23"}, {"valid_to": "2020-12-31"}), staff)


def _plan(staff: Caller, _: Caller) -> Changeable:
    plan = {"name": "Team", "credits_per_month": 500, "price_per_credit": "0.02"}
    created = data(staff.post("/v1/admin/plans/", plan), 201)
    changes = ({"credits_per_month": 600}, {"name": "Crew", "rollover": "none"})
    return Changeable(f"/v1/admin/plans/{created['id']}/", changes, staff)


def _package(staff: Caller, _: Caller) -> Changeable:
    created = data(staff.post("/v1/admin/packages/", {"name": "Mega", "credits": 9, "price": "1.00"}), 201)
    changes = ({"price": "2.00"}, {"is_active": False})
    return Changeable(f"/v1/admin/packages/{created['id']}/", changes, staff)


CHANGEABLE: Mapping[str, Make] = {
    "client": _client,
    "billing account": _billing_account,
    "booking": _booking,
    "work period": _period,
    "payment": _payment,
    "settings": _settings,
    "team member": _team_member,
    "tax rate": _tax_rate,
    "plan": _plan,
    "package": _package,
}


def ids_of_everything(staff: Caller, owner: Caller) -> dict[str, str]:
    """The ids of one object of each kind in `everything`, by the names of path parameters."""

    def first(caller: Caller, path: str) -> str:
        return str(data(caller.get(path))["results"][0]["id"])

    return {
        "clientId": first(staff, "/v6/clients"),
        "billingAccountId": first(staff, ACCOUNTS),
        "userId": "7",
        "resourceBookingId": first(staff, BOOKINGS),
        "workPeriodId": first(staff, PERIODS),
        "workPeriodPaymentId": first(staff, PAYMENTS),
        "invoiceId": first(owner, "/v1/billing/invoices"),
        "creditNoteId": first(owner, "/v1/billing/credit-notes"),
        "taxRateId": first(staff, "/v1/admin/tax-rates"),
        "paymentId": first(owner, "/v1/billing/payments"),
        "planId": first(staff, "/v1/admin/plans"),
        "packageId": first(staff, "/v1/admin/packages"),
        "accountId": first(staff, "/v1/admin/accounts"),
        "holdId": first(owner, "/v1/billing/credits/holds"),
    }
