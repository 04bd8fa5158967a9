"""Orders by bank transfer that are given up, and single payments."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.caller import Caller, data, error
from tests.factories import purchases
from tests.factories.customers import credits_of, open_customer
from tests.factories.purchases import approve
from tests.purchases.conftest import Bought

PAYMENTS, INVOICES = "/v1/billing/payments/", "/v1/billing/invoices/"
UNKNOWN = 987654321
Buy = Callable[..., Any]
Callers = Callable[..., Caller]


def cancel(caller: Caller, payment_id: int, body: Any = None) -> Any:
    return caller.post(f"{PAYMENTS}{payment_id}/cancel/", body)


@pytest.fixture
def member(customer: Caller, as_caller: Callers) -> Callable[..., Caller]:
    """Makes a member of the customer's account."""

    def act(user: str, role: str) -> Caller:
        email = f"{user}@harbour.example"
        invited = data(customer.post("/v1/account/team/", {"email": email, "role": role}), 201)
        caller = as_caller(user=user, email=email, email_verified=True)
        data(caller.post(f"/v1/account/invitations/{invited['id']}/accept/", None))
        return caller

    return act


class TestWhoMayCancelPurchases:
    @pytest.mark.parametrize("role", ["owner", "admin", "staff"])
    def test_managers_and_staff_may_cancel_a_purchase(
        self, role: str, customer: Caller, admin: Caller, member: Callable[..., Caller], buy: Buy
    ) -> None:
        bought = buy()
        caller = {"owner": customer, "staff": admin}.get(role) or member("ann", "admin")
        cancelled = data(cancel(caller, bought["payment"]["id"]))
        assert (cancelled["id"], cancelled["status"]) == (bought["payment"]["id"], "cancelled")
        assert data(customer.get(f"{INVOICES}{bought['invoice']['id']}/"))["status"] == "void"
        assert credits_of(customer) == 100

    def test_member_may_cancel_only_own_purchases(
        self, customer: Caller, member: Callable[..., Caller], buy: Buy
    ) -> None:
        data(customer.patch("/v1/account/settings/", {"members_may_buy": True}))
        ann, bob = member("ann", "member"), member("bob", "member")
        mine = purchases.buy(ann)["payment"]["id"]
        error(cancel(bob, mine), 403, "forbidden")
        error(cancel(ann, buy()["payment"]["id"]), 403, "forbidden")
        assert data(cancel(ann, mine))["status"] == "cancelled"

    def test_purchase_of_others_is_not_found_to_cancel(self, as_caller: Callers, customer: Caller, buy: Buy) -> None:
        payment_id = buy()["payment"]["id"]
        other = as_caller(user="other")
        error(cancel(other, payment_id), 403, "no_account")
        open_customer(other, "Other")
        error(cancel(other, payment_id), 404)
        error(other.get(f"{PAYMENTS}{payment_id}/"), 404)
        error(cancel(as_caller(user="", azp="machine", scopes=("spend:credits",)), payment_id), 403)
        assert data(customer.get(f"{PAYMENTS}{payment_id}/"))["status"] == "pending"

    def test_unknown_payment_is_not_found_to_cancel(self, customer: Caller, admin: Caller) -> None:
        error(cancel(customer, UNKNOWN), 404)
        error(cancel(admin, UNKNOWN), 404)
        error(customer.get(f"{PAYMENTS}{UNKNOWN}/"), 404)


class TestCancelledPurchases:
    def test_cancelled_purchase_is_not_refunded_or_cancelled_again(
        self, customer: Caller, admin: Caller, buy: Buy
    ) -> None:
        payment_id = buy()["payment"]["id"]
        data(cancel(customer, payment_id))
        for path, body in {"refund": {"reason": "Not needed"}, "cancel": None}.items():
            failure = error(admin.post(f"{PAYMENTS}{payment_id}/{path}/", body), 409, "conflict")
            assert failure["message"].startswith("A payment that is cancelled cannot be ")

    def test_cancelled_purchase_keeps_its_invoice_number(self, customer: Caller, buy: Buy) -> None:
        numbers = [buy()["invoice"]["invoice_number"]]
        data(cancel(customer, buy()["payment"]["id"]))
        numbers += [buy()["invoice"]["invoice_number"]]
        assert [number[-3:] for number in numbers] == ["001", "003"]
        assert data(customer.get(f"{INVOICES}?status=void"))["count"] == 1

    def test_paid_purchase_cannot_be_cancelled(self, customer: Caller, admin: Caller, buy: Buy) -> None:
        payment_id = buy()["payment"]["id"]
        approve(admin, payment_id)
        error(cancel(customer, payment_id), 409)
        assert credits_of(customer) == 600

    def test_card_purchase_is_cancelled_at_the_gateway_unless_it_is_paid(self, bought: Bought) -> None:
        paid, open_ = bought.another(), bought.another()
        assert (
            "no longer cancels the payment, which is succeeded" in error(cancel(bought.staff, paid.id), 409)["message"]
        )
        assert paid.status() == ("succeeded", 1100, "paid")
        bought.gateway.intents[open_.intent]["status"] = "requires_payment_method"
        assert data(cancel(bought.payer, open_.id))["status"] == "cancelled"
        assert bought.gateway.intents[open_.intent]["status"] == "canceled"
        assert open_.status() == ("cancelled", 1100, None)

    def test_idempotency_key_cancels_a_purchase_once(self, customer: Caller, buy: Buy) -> None:
        path = f"{PAYMENTS}{buy()['payment']['id']}/cancel/"
        first = data(customer.post(path, None, Idempotency_Key="c"))
        assert data(customer.post(path, None, Idempotency_Key="c")) == first

    def test_cancellation_refuses_a_body(self, customer: Caller, buy: Buy) -> None:
        payment_id = buy()["payment"]["id"]
        error(cancel(customer, payment_id, {"reason": "x"}), 400)
        assert data(cancel(customer, payment_id, {}))["status"] == "cancelled"


def test_payment_detail_equals_its_row_of_the_list(customer: Caller, buy: Buy) -> None:
    bought = buy()["payment"]
    assert data(customer.get(f"{PAYMENTS}{bought['id']}/")) == bought == data(customer.get(PAYMENTS))["results"][0]
