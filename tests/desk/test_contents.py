"""`/v1/admin/accounts/{id}/…`: what an account has, as its customer sees it."""

from datetime import timedelta

import pytest
from freezegun import freeze_time

from app.clock import utc_now
from tests.caller import Caller, data, error
from tests.factories.desk import Customer

# By the list: where its customer finds it, and who made its newest row.
LISTS = {
    "transactions": ("/v1/billing/transactions/", "owner-{}"),
    "usage": ("/v1/billing/credits/usage/", "owner-{}"),
    "lots": ("/v1/billing/credits/lots/", "admin"),
    "holds": ("/v1/billing/credits/holds/", "owner-{}"),
    "invoices": ("/v1/billing/invoices/", "owner-{}"),
    "payments": ("/v1/billing/payments/", "owner-{}"),
    "team": ("/v1/account/team/", "owner-{}@harbour.example"),
    "history": ("/v1/account/history/", "owner-{}"),
}
MORE = {"account_id", "account_name", "created_by"}


@pytest.mark.parametrize("name", LISTS)
def test_each_list_is_the_customers_with_whose_it_is(admin: Caller, customers: list[Customer], name: str) -> None:
    path, maker = LISTS[name]
    for number, customer in enumerate(customers, 1):
        theirs = data(customer.owner.get(path))
        shown = data(admin.get(f"/v1/admin/accounts/{customer.account_id}/{name}/"))
        assert theirs["count"] == shown["count"] >= 1
        more = MORE | ({"invoice_number"} if name == "payments" else set())
        for row, own in zip(shown["results"], theirs["results"], strict=True):
            assert row == {**own, **{each: row[each] for each in more}}
            assert (row["account_id"], row["account_name"]) == (customer.account_id, customer.name)
        assert shown["results"][0]["created_by"] == maker.format(number)


def test_made_of_what_fell_due_by_the_service(admin: Caller, customers: list[Customer]) -> None:
    account_id = customers[0].account_id
    body = {"account_id": account_id, "amount": 7, "transaction_type": "grant", "description": "x", "expires_in": 60}
    data(admin.post("/v1/billing/credits/grant/", body), 201)
    path = f"/v1/admin/accounts/{account_id}"
    before = data(admin.get(f"{path}/lots/"))["results"]
    with freeze_time(utc_now() + timedelta(seconds=90)):
        expiry, *_ = data(admin.get(f"{path}/transactions/"))["results"]
        lots = data(admin.get(f"{path}/lots/"))["results"]
    assert (expiry["id"], expiry["transaction_type"], expiry["amount"]) == (None, "expiry", -7)
    assert (expiry["created_by"], expiry["account_name"]) == ("service", "Harbour Studio")
    assert lots == [{**before[0], "remaining": 0, "status": "expired"}, *before[1:]]


@pytest.mark.parametrize("name", LISTS)
def test_of_an_unknown_account_nothing_is_found(admin: Caller, name: str) -> None:
    error(admin.get(f"/v1/admin/accounts/7/{name}/"), 404, "not_found")


def test_filters_are_the_customers(admin: Caller, customers: list[Customer]) -> None:
    path = f"/v1/admin/accounts/{customers[0].account_id}"
    assert data(admin.get(f"{path}/payments/?status=pending"))["count"] == 1
    assert data(admin.get(f"{path}/transactions/?transaction_type=purchase"))["count"] == 1
    assert data(admin.get(f"{path}/holds/?reference=job-2"))["count"] == 0
    error(admin.get(f"{path}/holds/?account_id=2"), 400, "invalid_input")
