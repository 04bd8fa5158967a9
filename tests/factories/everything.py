"""Something of every family, written over HTTP as callers write it."""

from flask import Flask

from app.config import Settings
from cli.token import mint
from tests.caller import ACCOUNTS, Caller, data
from tests.factories.accounts import create_client
from tests.factories.bookings import create_booking, move, pay, periods_of
from tests.factories.customers import invite, open_customer, spend
from tests.factories.imports import write_imports
from tests.factories.purchases import add_rate, approve, buy, credit_note


def write_everything(app: Flask, settings: Settings) -> None:
    """Clients, budgets, bookings, payments, imports, and two customers with credits and purchases."""
    admin = Caller(app, mint(settings))
    _budgets(admin)
    write_imports(app)
    add_rate(admin, "IE", "0.21", "2001-01-01", valid_to="2001-12-31")
    for number in (1, 2):
        owner = Caller(app, mint(settings, roles=(), user=f"owner-{number}", email=f"owner-{number}@harbour.example"))
        _customer(owner, admin, number)


def _budgets(admin: Caller) -> None:
    client_id = create_client(admin)
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
    booking = create_booking(admin, account_id)
    paid = [pay(admin, week, days=2) for week in periods_of(admin, booking["id"])]
    move(admin, paid[0], "cancelled")


def _customer(owner: Caller, admin: Caller, number: int) -> None:
    open_customer(owner, f"Harbour Studio {number}")
    data(owner.patch("/v1/account/settings/", {"billing_city": "Cork"}))
    invite(owner, f"kim-{number}@harbour.example")
    credit_note(owner)
    bought = [buy(owner) for _ in range(2)]
    approve(admin, bought[1]["payment"]["id"])
    spend(owner, 5, "image_generation")
    cap = {"kind": "operation", "subject": "image_generation", "period": "day", "credits": 200}
    data(owner.call("PUT", "/v1/account/caps/", cap))
    for reference in ("job-1", "job-2"):
        body = {"operation_type": "image_generation", "amount": 20, "reference": reference}
        hold = data(owner.post("/v1/billing/credits/holds/", body), 201)
    data(owner.post(f"/v1/billing/credits/holds/{hold['id']}/capture/", {"amount": 15}))
    key = {"name": "Worker", "scopes": ["read:account", "spend:credits"]}
    data(owner.post("/v1/account/api-keys/", key), 201)
