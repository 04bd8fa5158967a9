"""Every write of the API is found in the audit trail under its own name."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from flask import Flask

from tests.caller import ACCOUNTS, Caller, data
from tests.document import operations, served
from tests.factories.bookings import BOOKING, BOOKINGS, PAYMENTS, PERIODS, periods_of
from tests.factories.customers import CREDITS, INVITATIONS, TEAM, Callers, join
from tests.factories.purchases import PACKAGES, buy, packages_for_sale
from tests.purchases.test_webhooks import about
from tests.stripe_events import Stripe

BILLING = "/v1/billing/payments/"
CAPS = "/v1/account/caps/"
LOCK = {"challengeId": "c1", "amount": 5}
ENGAGEMENT = {"externalType": "ENGAGEMENT", "externalId": "e1", "amount": 2}


def actions(admin: Caller) -> dict[str, int]:
    """How many changes each action made."""
    found: dict[str, int] = {}
    for each in data(admin.get("/v6/audit?perPage=10000"))["results"]:
        found[each["action"]] = found.get(each["action"], 0) + 1
    return found


def budgets(admin: Caller) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Calls about clients and billing accounts, by operation."""
    yield "createClient", lambda: admin.post("/v6/clients", {"name": "Acme"})
    client_id = data(admin.get("/v6/clients"))["results"][0]["id"]
    yield "updateClient", lambda: admin.patch(f"/v6/clients/{client_id}", {"name": "Acme Ltd"})
    account = {"name": "2025", "budget": 1000, "markup": 0.2, "clientId": client_id}
    yield "createBillingAccount", lambda: admin.post(ACCOUNTS, account)
    other = data(admin.post(ACCOUNTS, account), 201)["id"]
    path = f"{ACCOUNTS}/{data(admin.get(ACCOUNTS))['results'][1]['id']}"
    yield "updateBillingAccount", lambda: admin.patch(path, {"name": "2026"})
    yield "grantBillingAccountAccess", lambda: admin.post(f"{path}/users", {"userId": "7", "userHandle": "cleo"})
    yield "revokeBillingAccountAccess", lambda: admin.delete(f"{path}/users/7")
    yield "lockAmount", lambda: admin.patch(f"{path}/lock-amount", LOCK)
    yield "consumeAmount", lambda: admin.patch(f"{path}/consume-amount", LOCK)
    consumes = {"consumes": [{"billingAccountId": other, **ENGAGEMENT}]}
    yield "consumeAmounts", lambda: admin.post(f"{ACCOUNTS}/consume-amounts", consumes)
    reversal = {"externalType": "CHALLENGE", "externalId": "c1", "reason": "A mistake"}
    yield "reverseConsumedAmount", lambda: admin.post(f"{path}/reversals", reversal)
    adjustment = {"amount": 5, "reason": "More work", "poNumber": "PO-2"}
    yield "adjustBudget", lambda: admin.post(f"{path}/budget-adjustments", adjustment)
    carry = {"toBillingAccountId": other, "amount": 1, "reason": "A new year"}
    yield "carryOverBudget", lambda: admin.post(f"{path}/carry-over", carry)


def bookings(admin: Caller, machine: Caller, account_id: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Calls about bookings, weeks and payments, by operation."""
    booking = {**BOOKING, "billingAccountId": account_id, "memberRate": 5}
    yield "createResourceBooking", lambda: admin.post(BOOKINGS, booking)
    booking_id = data(admin.get(BOOKINGS))["results"][0]["id"]
    yield "updateResourceBooking", lambda: admin.patch(f"{BOOKINGS}/{booking_id}", {"customerRate": 9})
    first, second, _ = periods_of(admin, booking_id)
    yield "updateWorkPeriod", lambda: admin.patch(f"{PERIODS}/{first}", {"daysWorked": 4})
    yield "createWorkPeriodPayment", lambda: admin.post(PAYMENTS, {"workPeriodId": first, "days": 1})
    yield "createWorkPeriodPaymentsBulk", lambda: admin.post(f"{PAYMENTS}/bulk", [{"workPeriodId": second, "days": 1}])
    one, two = (each["id"] for each in data(admin.get(PAYMENTS))["results"])
    yield "updateWorkPeriodPayment", lambda: machine.patch(f"{PAYMENTS}/{one}", {"status": "in-progress"})
    changes = [{"id": two, "status": "cancelled"}]
    yield "updateWorkPeriodPaymentsBulk", lambda: admin.patch(f"{PAYMENTS}/bulk", changes)
    yield "payMatchingWorkPeriods", lambda: admin.post(f"{PAYMENTS}/query", {"query": {"projectId": 17}})


def customers(admin: Caller, as_caller: Callers) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Calls about customer accounts, their credits and purchases, by operation."""
    owner = as_caller(user="owner", email="owner@harbour.example")
    yield "openAccount", lambda: owner.post("/v1/account/", {"name": "Harbour Studio"})
    account_id = data(owner.get("/v1/account/settings/"))["id"]
    yield "updateAccountSettings", lambda: owner.patch("/v1/account/settings/", {"billing_city": "Cork"})
    yield "inviteTeamMember", lambda: owner.post(TEAM, {"email": "ann@harbour.example"})
    ann = as_caller(user="ann", email="ann@harbour.example")
    invited = data(owner.get(TEAM))["results"][0]["id"]
    yield "acceptInvitation", lambda: ann.post(f"{INVITATIONS}{invited}/accept/", None)
    yield "changeTeamMember", lambda: owner.patch(f"{TEAM}{invited}/", {"role": "admin"})
    yield "leaveAccount", lambda: ann.post("/v1/account/leave/", None)
    bob = data(owner.post(TEAM, {"email": "bob@harbour.example"}), 201)["id"]
    bobs = as_caller(user="bob", email="bob@harbour.example")
    yield "declineInvitation", lambda: bobs.post(f"{INVITATIONS}{bob}/decline/", None)
    join(owner, as_caller, "eve")
    eve = data(owner.get(TEAM))["results"][0]["id"]
    yield "removeTeamMember", lambda: owner.delete(f"{TEAM}{eve}/")
    use = {"operation_type": "search", "credits_used": 1}
    yield "spendCredits", lambda: owner.post(f"{CREDITS}usage/", use)
    yield "spendCreditsBulk", lambda: owner.post(f"{CREDITS}usage/bulk/", [use])
    used = data(owner.get(f"{CREDITS}usage/"))["results"][0]["id"]
    back = {"credits": 1, "reason": "A mistake"}
    yield "reverseCreditUsage", lambda: owner.post(f"{CREDITS}usage/{used}/reverse/", back)
    cap = {"kind": "operation", "subject": "images", "period": "day", "credits": 90}
    yield "setCreditCap", lambda: owner.call("PUT", CAPS, cap)
    capped = data(owner.get(CAPS))["results"][0]["id"]
    yield "removeCreditCap", lambda: owner.delete(f"{CAPS}{capped}/")
    gift = {"account_id": account_id, "amount": 5, "transaction_type": "grant", "description": "A gift"}
    yield "grantCredits", lambda: admin.post(f"{CREDITS}grant/", gift)
    terms = {"amount": 1, "operation_type": "images", "reference": "one"}
    yield "holdCredits", lambda: owner.post(f"{CREDITS}holds/", terms)
    yield "holdCreditsBulk", lambda: owner.post(f"{CREDITS}holds/bulk/", [{**terms, "reference": "two"}])
    three = data(owner.post(f"{CREDITS}holds/", {**terms, "reference": "three"}), 201)["id"]
    two, one = (each["id"] for each in data(owner.get(f"{CREDITS}holds/"))["results"][1:])
    yield "updateCreditHold", lambda: owner.patch(f"{CREDITS}holds/{one}/", {"amount": 2})
    yield "captureCreditHold", lambda: owner.post(f"{CREDITS}holds/{one}/capture/", {})
    yield "captureCreditHoldsBulk", lambda: owner.post(f"{CREDITS}holds/capture/bulk/", [{"id": two}])
    yield "releaseCreditHold", lambda: owner.post(f"{CREDITS}holds/{three}/release/", {})
    starter = packages_for_sale(owner)["Starter Pack"]
    yield "purchaseCreditPackage", lambda: owner.post(f"{PACKAGES}{starter}/purchase/", {"payment_method": "manual"})
    bought = data(owner.get(BILLING))["results"][0]["id"]
    yield "approvePayment", lambda: admin.post(f"{BILLING}{bought}/approve/", None)
    yield "refundPayment", lambda: admin.post(f"{BILLING}{bought}/refund/", {"reason": "Not needed"})
    lot = data(owner.get(f"{CREDITS}lots/"))["results"][-1]["id"]
    yield "voidCreditLot", lambda: admin.post(f"{CREDITS}lots/{lot}/void/", {"reason": "A mistake"})
    again = buy(owner)["payment"]["id"]
    yield "cancelPayment", lambda: owner.post(f"{BILLING}{again}/cancel/", None)


def tax_rates(admin: Caller) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Calls about tax rates, by operation."""
    path, rate = "/v1/admin/tax-rates/", {"country": "IE", "rate": "0.21", "valid_from": "2001-01-01"}
    yield "createTaxRate", lambda: admin.post(path, {**rate, "valid_to": "2001-12-31"})
    rate_id = data(admin.get(path))["results"][0]["id"]
    yield "updateTaxRate", lambda: admin.patch(f"{path}{rate_id}/", {"rate": "0.23"})


def keys(admin: Caller, owner: Caller) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Calls about API keys, by operation."""
    for prefix, path, caller, scope in (
        ("", "/v1/admin/api-keys/", admin, "read:client"),
        ("Account", "/v1/account/api-keys/", owner, "read:account"),
    ):
        body = {"name": "Worker", "scopes": [scope]}
        yield f"create{prefix}ApiKey", partial(caller.post, path, body)
        key_id = data(caller.get(path))["results"][0]["id"]
        yield f"rotate{prefix}ApiKey", partial(caller.post, f"{path}{key_id}/rotate/", {})
        yield f"revoke{prefix}ApiKey", partial(caller.post, f"{path}{key_id}/revoke/", {"reason": "Leaked"})


def desk(admin: Caller, account_id: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Calls of staff about a customer account, by operation; the last ends its life."""
    for name, of, change in (
        ("Plan", {"credits_per_month": 5, "price_per_credit": "0.02"}, {"rollover": "none"}),
        ("Package", {"credits": 5, "price": "1.00"}, {"is_active": False}),
    ):
        offers = f"/v1/admin/{name.lower()}s/"
        yield f"create{name}", partial(admin.post, offers, {"name": "New", **of})
        (new,) = (each["id"] for each in data(admin.get(offers))["results"] if each["name"] == "New")
        yield f"update{name}", partial(admin.patch, f"{offers}{new}/", change)
    path, because = f"/v1/admin/accounts/{account_id}/", {"reason": "A complaint"}
    plan = {**because, "plan": "Free", "from": "next_month"}
    yield "assignAccountPlan", lambda: admin.post(f"{path}plan/", plan)
    yield "suspendAccount", lambda: admin.post(f"{path}suspend/", because)
    yield "resumeAccount", lambda: admin.post(f"{path}resume/", because)
    yield "closeAccount", lambda: admin.post(f"{path}close/", because)
    yield "eraseAccount", lambda: admin.post(f"{path}erase/", because)


def recorded(admin: Caller, calls: Iterator[tuple[str, Callable[[], Any]]]) -> Iterator[str]:
    """The operations of calls, each of which is found in the trail when it was made."""
    for operation, call in calls:
        before = actions(admin).get(operation, 0)
        answer = call()
        assert answer.status_code in {200, 201}, (operation, answer.get_data())
        assert actions(admin).get(operation, 0) > before, operation
        yield operation


def test_every_write_of_the_api_has_an_entry(
    app: Flask,
    admin: Caller,
    as_caller: Callers,
    open_account: Callable[..., int],
    stripe_app: Flask,
    token: Callable[..., str],
) -> None:
    machine = as_caller(scopes=("process:taas-workPeriodPayments",), user="payroll")
    account_id = open_account(budget=10_000)
    owner = as_caller(user="owner", email="owner@harbour.example")
    done = set()
    for calls in (
        budgets(admin),
        bookings(admin, machine, account_id),
        customers(admin, as_caller),
        keys(admin, owner),
        tax_rates(admin),
    ):
        done |= set(recorded(admin, calls))
    payer_ = Caller(stripe_app, token(roles=(), user="owner"))
    payment = buy(payer_, method="stripe")["payment"]
    data(Stripe(stripe_app).send(about(payment)))
    assert actions(admin)["receiveStripeEvent"] > 0
    done |= set(recorded(admin, desk(admin, data(payer_.get("/v1/account/settings/"))["id"])))
    writes = {each["operationId"] for _, method, each in operations(served(app)) if method != "get"}
    assert done | {"receiveStripeEvent"} == writes
