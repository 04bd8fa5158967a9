"""Customers as the vendor's desk meets them: with something of everything."""

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.caller import Caller, data
from tests.factories.customers import invite, open_customer, spend
from tests.factories.purchases import approve, buy


class Customer(NamedTuple):
    """A customer: the owner, their account, and what they bought."""

    owner: Caller
    account_id: int
    name: str
    bought: list[Any]


def two_customers(admin: Caller, as_caller: Callable[..., Caller]) -> list[Customer]:
    """Two customers; of two purchases of each, the first is paid."""
    made = []
    for number, name in enumerate(("Harbour Studio", "Quay Works"), 1):
        owner = as_caller(user=f"owner-{number}", email=f"owner-{number}@harbour.example")
        account_id = open_customer(owner, name)["id"]
        bought = [buy(owner), buy(owner, "Growth Pack")]
        approve(admin, bought[0]["payment"]["id"])
        spend(owner, 5 * number)
        hold = {"operation_type": "search", "amount": 3, "reference": f"job-{number}"}
        data(owner.post("/v1/billing/credits/holds/", hold), 201)
        invite(owner, f"kim-{number}@harbour.example")
        made.append(Customer(owner, account_id, name, bought))
    return made
