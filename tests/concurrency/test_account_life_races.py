"""Suspending and closing an account while others spend, hold and buy: whoever is first is complete."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from flask import Flask

from tests.caller import Caller, data
from tests.concurrency.locks import holding
from tests.factories.customers import CREDITS, credits_of
from tests.factories.purchases import PACKAGES, packages_for_sale

BALANCE_LOCK = "SELECT FROM credit_balances FOR NO KEY UPDATE"
ACCOUNT_LOCK = "SELECT FROM customer_accounts FOR NO KEY UPDATE"
BECAUSE = {"reason": "A complaint"}
USE = {"operation_type": "search", "credits_used": 1}
HOLD = {"operation_type": "search", "amount": 1, "reference": "job-1"}
UntilWaiting = Callable[[int], None]


def in_turn(app: Flask, lock: str, until_waiting: UntilWaiting, *calls: Callable[[], object]) -> list[int]:
    """The statuses of calls that wait for the same lock, and get it in this order."""
    with ThreadPoolExecutor(len(calls)) as pool:
        with holding(app, lock):
            answers = []
            for number, call in enumerate(calls, 1):
                answers.append(pool.submit(call))
                until_waiting(number)
        return [each.result().status_code for each in answers]  # type: ignore[attr-defined]


def test_nothing_is_spent_once_the_account_is_suspended(
    app: Flask, admin: Caller, customer: Caller, customer_id: int, until_waiting: UntilWaiting
) -> None:
    suspend = f"/v1/admin/accounts/{customer_id}/suspend/"
    found = in_turn(
        app,
        BALANCE_LOCK,
        until_waiting,
        lambda: customer.post(f"{CREDITS}usage/", USE),
        lambda: admin.post(suspend, BECAUSE),
        lambda: customer.post(f"{CREDITS}usage/", USE),
        lambda: customer.post(f"{CREDITS}holds/", HOLD),
    )
    assert found == [201, 200, 403, 403]
    assert credits_of(customer) == 99


def test_an_account_is_not_closed_over_a_hold_that_came_first(
    app: Flask, admin: Caller, customer: Caller, customer_id: int, until_waiting: UntilWaiting
) -> None:
    close = f"/v1/admin/accounts/{customer_id}/close/"
    calls = [lambda: customer.post(f"{CREDITS}holds/", HOLD), lambda: admin.post(close, BECAUSE)]
    assert in_turn(app, BALANCE_LOCK, until_waiting, *calls) == [201, 409]


def test_nothing_is_held_of_an_account_that_was_closed_first(
    app: Flask, admin: Caller, customer: Caller, customer_id: int, until_waiting: UntilWaiting
) -> None:
    close = f"/v1/admin/accounts/{customer_id}/close/"
    calls = [lambda: admin.post(close, BECAUSE), lambda: customer.post(f"{CREDITS}holds/", HOLD)]
    assert in_turn(app, BALANCE_LOCK, until_waiting, *calls) == [200, 403]


def test_an_account_is_closed_before_a_purchase_or_not_at_all(
    app: Flask, admin: Caller, customer: Caller, customer_id: int, until_waiting: UntilWaiting
) -> None:
    close = f"/v1/admin/accounts/{customer_id}/close/"
    path = f"{PACKAGES}{packages_for_sale(customer)['Starter Pack']}/purchase/"
    calls = [lambda: customer.post(path, {"payment_method": "manual"}), lambda: admin.post(close, BECAUSE)]
    assert in_turn(app, ACCOUNT_LOCK, until_waiting, *calls) == [201, 409]
    payment = data(customer.get("/v1/billing/payments/"))["results"][0]["id"]
    data(customer.post(f"/v1/billing/payments/{payment}/cancel/", None))
    assert in_turn(app, ACCOUNT_LOCK, until_waiting, *reversed(calls)) == [200, 403]
