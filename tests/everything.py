"""Something of every family, written over HTTP as callers write it."""

from typing import Any

from flask import Flask

from app.config import Settings
from cli.token import mint
from tests.caller import ACCOUNTS, Caller, data

BOOKING = {
    "projectId": 17,
    "userId": "40051399",
    "userHandle": "ann",
    "startDate": "2025-03-03",
    "endDate": "2025-03-21",
    "memberRate": 500,
    "customerRate": 700,
    "rateType": "weekly",
}


def write_everything(app: Flask, settings: Settings) -> None:
    """Clients, budgets, bookings, payments, and two customers with credits and purchases."""
    admin = Caller(app, mint(settings))
    _budgets(admin)
    for number in (1, 2):
        owner = Caller(app, mint(settings, roles=(), user=f"owner-{number}", email=f"owner-{number}@harbour.example"))
        _customer(owner, admin, number)


def _budgets(admin: Caller) -> None:
    client_id = data(admin.post("/v6/clients", {"name": "Acme"}), 201)["id"]
    account = {"name": "Acme 2025", "budget": 10_000, "markup": 0.2, "clientId": client_id}
    account_id = data(admin.post(ACCOUNTS, account, Idempotency_Key="open"), 201)["id"]
    path = f"{ACCOUNTS}/{account_id}"
    data(admin.patch(path, {"description": "Of the year"}))
    data(admin.post(f"{path}/users", {"userId": "7", "userHandle": "cleo"}), 201)
    data(admin.post(f"{path}/users", {"userId": "8"}), 201)
    data(admin.call("DELETE", f"{path}/users/8"))
    for call, amount in (("lock-amount", 20), ("lock-amount", 25.5), ("consume-amount", 12.25)):
        data(admin.patch(f"{path}/{call}", {"challengeId": "30054163", "amount": amount}))
    data(admin.patch(f"{path}/lock-amount", {"challengeId": "30054164", "amount": 5}))
    data(admin.patch(f"{path}/lock-amount", {"challengeId": "30054165", "amount": 5}))
    data(admin.patch(f"{path}/lock-amount", {"challengeId": "30054165", "amount": 0}))
    booking = data(admin.post("/v6/resource-bookings", {**BOOKING, "billingAccountId": account_id}), 201)
    weeks = data(admin.get(f"/v6/work-periods?resourceBookingId={booking['id']}&sortBy=startDate"))["results"]
    paid = [
        data(admin.post("/v6/work-period-payments", {"workPeriodId": week["id"], "days": 2}), 201) for week in weeks
    ]
    data(admin.patch(f"/v6/work-period-payments/{paid[0]['id']}", {"status": "cancelled"}))


def _customer(owner: Caller, admin: Caller, number: int) -> None:
    data(owner.post("/v1/account/", {"name": f"Harbour Studio {number}"}), 201)
    data(owner.patch("/v1/account/settings/", {"billing_city": "Cork"}))
    data(owner.post("/v1/account/team/", {"email": f"kim-{number}@harbour.example", "role": "member"}), 201)
    packages: Any = data(owner.get("/v1/billing/credit-packages/"))["results"]
    for _ in range(2):
        data(
            owner.post(f"/v1/billing/credit-packages/{packages[0]['id']}/purchase/", {"payment_method": "manual"}), 201
        )
    payments = data(owner.get("/v1/billing/payments/"))["results"]
    data(admin.post(f"/v1/billing/payments/{payments[0]['id']}/approve/", None))
    usage = {"operation_type": "image_generation", "credits_used": 5}
    data(owner.post("/v1/billing/credits/usage/", usage, Idempotency_Key="spend"), 201)
