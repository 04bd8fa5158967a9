"""What every answer of the v1 families keeps to: ids are numbers, texts are never null."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from tests import document
from tests.caller import Caller, data
from tests.factories.customers import open_customer
from tests.factories.purchases import approve

SETTINGS, TEAM, BILLING = "/v1/account/settings/", "/v1/account/team/", "/v1/billing/"
OPTIONAL = (
    "billing_email",
    "billing_address_line1",
    "billing_address_line2",
    "billing_city",
    "billing_state",
    "billing_postal_code",
    "billing_country",
    "tax_id",
)


@pytest.fixture
def nameless(as_caller: Callable[..., Caller]) -> Caller:
    """The owner of an account, of whom the token says nothing."""
    owner = as_caller(user="u1")
    open_customer(owner, "A")
    return owner


def answers(caller: Caller, admin: Caller) -> Iterator[Any]:
    """One of each thing of the v1 families, none of whose optional texts are set."""
    yield data(caller.get(SETTINGS))
    yield from data(caller.get(TEAM))["results"]
    yield data(caller.post(TEAM, {"email": "a@b.example"}), 201)
    yield from (packages := data(caller.get(f"{BILLING}credit-packages/"))["results"])
    path = f"{BILLING}credit-packages/{packages[0]['id']}/purchase/"
    yield (bought := data(caller.post(path, {"payment_method": "manual"}), 201))
    yield bought["invoice"]
    yield bought["payment"]
    yield approve(admin, bought["payment"]["id"])
    yield data(caller.post(f"{BILLING}credits/usage/", {"operation_type": "x", "credits_used": 1}), 201)
    item = {"operation_type": "x", "credits_used": 1, "key": "k"}
    for _ in range(2):
        yield from data(caller.post(f"{BILLING}credits/usage/bulk/", [item, item]))
    for name in ("transactions", "credits/usage", "credits/lots", "invoices", "payments"):
        yield from data(caller.get(f"{BILLING}{name}/"))["results"]


def test_ids_are_numbers_and_texts_never_null(nameless: Caller, admin: Caller) -> None:
    unset = {"date_joined", "paid_at", "succeeded_at", "refunded_at", "expires_at", "expires_after_days", "due_date"}
    unset |= {"received_amount", "received_on"}
    seen: set[str] = set()
    for answer in answers(nameless, admin):
        for name, value in answer.items():
            if name == "id" or (name.endswith("_id") and not name.endswith("tax_id")):
                assert isinstance(value, int), (name, answer)
                assert not isinstance(value, bool)
            if value == "":
                seen.add(name)
            assert value is not None or name in unset, (name, answer)
    assert {*OPTIONAL, "first_name", "email", "description", "client_secret", "gateway_reference", "failure"} <= seen


def test_document_types_v1_ids_as_the_responses_do(app: Flask) -> None:
    schemas = document.served(app)["components"]["schemas"]
    for name in ("AccountSettings", "TeamMember", "CreditTransaction", "SpentCredits", "Invoice", "Payment"):
        properties = schemas[name]["properties"]
        # Before it is posted, a transaction has no id.
        kind = ["integer", "null"] if name == "CreditTransaction" else "integer"
        assert properties["id"] == {**properties["id"], "type": kind, "minimum": 1, "maximum": 2**53 - 1}, name
        nullable = {each for each, schema in properties.items() if each != "id" and "null" in schema["type"]}
        # A card payment is invoiced when it succeeds.
        nullable -= {"invoice_id", "received_amount"}
        assert all(properties[each].get("format") in {"date", "date-time"} for each in nullable), name


@pytest.mark.parametrize("cleared", [None, ""])
def test_what_is_cleared_is_empty(customer: Caller, cleared: str | None) -> None:
    data(customer.patch(SETTINGS, {name: f"a@b.{name.replace('_', '-')}" for name in OPTIONAL}))
    found = data(customer.patch(SETTINGS, dict.fromkeys(OPTIONAL, cleared)))
    assert {found[name] for name in OPTIONAL} == {""}
    assert data(customer.get(SETTINGS)) == found


def test_ids_of_one_call_are_in_the_order_sent(
    customer_id: int, as_caller: Callable[..., Caller], admin: Caller
) -> None:
    other = open_customer(as_caller(user="other"), "Other")["id"]
    machine = as_caller(user="", scopes=("spend:credits",), azp="machine")
    items = [
        {"operation_type": "x", "credits_used": 200 if n % 7 == 3 else 1, "account_id": (customer_id, other)[n % 3 % 2]}
        for n in range(60)
    ]
    outcomes = data(machine.post(f"{BILLING}credits/usage/bulk/", items))
    ids = [each["id"] for each in outcomes if "id" in each]
    assert len(ids) > 40
    assert ids == sorted(set(ids))
    assert len(outcomes) == 60
    grant = {"account_id": customer_id, "amount": 1, "transaction_type": "grant", "description": "more"}
    assert data(admin.post(f"{BILLING}credits/grant/", grant), 201)["id"] > ids[-1]
