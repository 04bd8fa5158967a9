"""Addresses of pages about objects that exist."""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from flask import Flask

from app.config import Settings
from app.imports import runs
from cli.token import mint
from tests.caller import ACCOUNTS, Caller, data
from tests.factories.everything import write_everything
from tests.routes import address, pages

OWNER: dict[str, Any] = {"roles": (), "user": "owner-1", "email": "owner-1@harbour.example"}
INVITED: dict[str, Any] = {"roles": (), "user": "kim", "email": "kim-1@harbour.example"}
_CHOICES = re.compile(r"<any\(([^)]*)\):(\w+)>")
_MEMBER = "/v1/account"
_BILLING = "/v1/billing"


def pages_of_everything(app: Flask, settings: Settings) -> Iterator[str]:
    """The address of every page, and of every choice that a rule has; the objects are made first."""
    known = list(_made(app, settings).items())
    for rule, method in pages(app):
        if method != "GET" or "unknown" in rule.arguments:
            continue
        values = next(values for prefix, values in known if rule.rule.startswith(prefix))
        choices = {name: re.findall(r"[\w-]+", words) for words, name in _CHOICES.findall(rule.rule)}
        for chosen in product(*choices.values()):
            named = dict(zip(choices, chosen, strict=True))
            # An id may depend on the choice before it.
            of_choice = {name: values.get(f"{kind} {name}") for kind in chosen for name in rule.arguments}
            own = {name: value for name, value in of_choice.items() if value is not None}
            yield address(rule, **{name: str(value) for name, value in {**values, **own, **named}.items()})


def _made(app: Flask, settings: Settings) -> Mapping[str, Mapping[str, Any]]:
    """Ids by the names that rules have for them, by how the rules begin."""
    write_everything(app, settings)
    with app.app_context():
        imported = runs.begin("import-legacy", "operator", [], dry_run=True)
    admin, owner = Caller(app, mint(settings)), Caller(app, mint(settings, **OWNER))

    def last(caller: Caller, path: str) -> Any:
        return data(caller.get(path))["results"][-1]["id"]

    budget = last(admin, ACCOUNTS)
    documents = {
        "invoices": last(owner, f"{_BILLING}/invoices/"),
        "credit-notes": last(owner, f"{_BILLING}/credit-notes/"),
    }
    invoice = {"invoice_id": documents["invoices"], "credit_note_id": documents["credit-notes"]}
    (customer,) = data(owner.get(f"{_MEMBER}/memberships/"))["results"]
    payment = last(owner, f"{_BILLING}/payments/")
    (invited,) = (each["id"] for each in data(owner.get(f"{_MEMBER}/team/"))["results"] if not each["is_active"])
    return {
        "/console/billing-accounts": {
            "account_id": budget,
            "entry_id": last(admin, f"{ACCOUNTS}/{budget}/entries?kind=consumed&externalType=CHALLENGE"),
            "user_id": "7",
        },
        "/console/clients": {"client_id": last(admin, "/v6/clients")},
        "/console/bookings": {"booking_id": last(admin, "/v6/resource-bookings")},
        "/console/payments/periods": {"period_id": last(admin, "/v6/work-periods")},
        "/console/payments": {"payment_id": last(admin, "/v6/work-period-payments")},
        "/console/customers": {
            "account_id": customer["account_id"],
            "lot_id": last(owner, f"{_BILLING}/credits/lots/"),
        },
        "/console/purchases": {"payment_id": payment},
        "/console/imports": {"import_id": imported},
        "/console/catalogue": {
            f"{kind} offer_id": last(admin, f"/v1/admin/{kind}/") for kind in ("plans", "packages", "tax-rates")
        },
        "/console": {
            **invoice,
            **{f"{kind} document_id": found for kind, found in documents.items()},
            "key_id": last(admin, "/v1/admin/api-keys/"),
        },
        "/portal": {
            **invoice,
            "payment_id": payment,
            "package_id": last(owner, f"{_BILLING}/credit-packages/"),
            "transaction_id": last(owner, f"{_BILLING}/transactions/"),
            "key_id": last(owner, f"{_MEMBER}/api-keys/"),
            "cap_id": last(owner, f"{_MEMBER}/caps/"),
            "member_id": invited,
            "invitation_id": invited,
        },
    }
