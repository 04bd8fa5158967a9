"""Purchases of accounts that are suspended or closed: what the gateway reports is applied all the same."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.caller import Caller, data, error
from tests.factories.customers import CREDITS, credits_of
from tests.purchases.test_webhooks import about
from tests.stripe_events import Stripe

BECAUSE = {"reason": "A complaint"}
USE = {"operation_type": "search", "credits_used": 1}


@pytest.mark.parametrize(("action", "status"), [("suspend", "suspended"), ("close", "closed")])
def test_money_that_arrives_brings_credits_that_cannot_be_spent(
    stripe_app: Flask,
    admin: Caller,
    customer: Caller,
    customer_id: int,
    buy_by_card: Callable[..., Any],
    action: str,
    status: str,
) -> None:
    stripe, payment = Stripe(stripe_app), buy_by_card()["payment"]
    data(stripe.send(about(payment, "canceled")))
    data(admin.post(f"/v1/admin/accounts/{customer_id}/{action}/", BECAUSE))
    data(stripe.send(about(payment, event_id="evt_2")))
    assert credits_of(customer) == 100 + payment["credits"]
    error(customer.post(f"{CREDITS}usage/", USE), 403, f"account_{status}")
