from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text

from app.db import job_runs
from app.db.base import db
from tests.caller import Caller, data
from tests.cli.conftest import Run
from tests.factories.customers import credits_of


def test_books_that_are_right_pass(run: Run) -> None:
    run("demo")
    result = run("ledger", "verify")
    assert (result.exit_code, result.output) == (
        0,
        (
            "9 budgets, 119 movements: budget 337000, locked 23980.5, consumed 190383.25.\n"
            "Every stored total equals its rows.\n"
        ),
    )


@pytest.mark.parametrize(
    ("tampering", "line"),
    [
        (
            "UPDATE budgets SET locked = locked + 0.0001 WHERE billing_account_id = 1",
            "billing account 1: locked is kept as 4200.5001, its lines make 4200.5",
        ),
        (
            "UPDATE budgets SET consumed = 0 WHERE billing_account_id = 2",
            "billing account 2: consumed is kept as 0, its lines make 55900",
        ),
        (
            "DELETE FROM budget_lines WHERE billing_account_id = 3",
            "billing account 3: locked is kept as 7900, its lines make 0",
        ),
        (
            "UPDATE work_periods SET payment_total = payment_total - 1 WHERE payment_status = 'partially-completed'",
            "work period ",
        ),
        (
            (
                "UPDATE budget_lines SET kind = 'consumed', consumed_at = now()"
                " WHERE id IN (SELECT id FROM budget_lines"
                " WHERE external_type = 'WORK_PERIOD_PAYMENT' AND kind = 'locked' AND amount = 600);"
                "UPDATE budgets SET locked = locked - 600, consumed = consumed + 600 WHERE billing_account_id = 5"
            ),
            "work period payment ",
        ),
        ("DELETE FROM budgets WHERE billing_account_id = 4", "billing account 4: has no budget"),
        ("UPDATE credit_balances SET credits = credits + 1", "account "),
        ("UPDATE credit_daily_totals SET total = total - 1 WHERE transaction_type = 'grant'", "account "),
        ("UPDATE invoices SET status = 'void', paid_at = NULL, amount_credited = total_amount", "payment "),
        ("DELETE FROM account_routes WHERE kind = 'payment'", "payment 1 of account 1: has no route"),
        (
            "UPDATE account_routes SET account_id = account_id + 1 WHERE kind = 'credit_lot' AND id = 1",
            "credit lot 1 of account 1: has a route to account 2",
        ),
        ("UPDATE number_series SET last = last + 1", "invoices of "),
        (
            "UPDATE row_counts SET rows = rows - 1 WHERE table_name = 'clients' AND slot = 3",
            "clients: the stored number of rows is 4",
        ),
    ],
)
def test_a_total_that_differs_is_named(run: Run, app: Flask, tampering: str, line: str) -> None:
    run("demo")
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("SELECT set_config('billing.account_id', '*', true)"))
        connection.execute(text(tampering))
    result = run("ledger", "verify")
    with app.app_context(), db.engine.begin() as connection:
        kept = "(SELECT sum(rows) FROM row_counts WHERE table_name = 'clients')"
        connection.execute(
            text(f"UPDATE row_counts SET rows = rows + 5 - {kept} WHERE table_name = 'clients' AND slot = 3")
        )
    assert result.exit_code == 1
    assert any(each.startswith(line) for each in result.output.splitlines())
    assert result.output.endswith("stored totals or routes differ from their rows.\n")
    with app.app_context():
        (noted,) = job_runs.runs()
    assert (noted.job, noted.succeeded_at) == ("ledger verify", None)
    assert noted.failed_at is not None


def test_demonstration_data_is_loaded_once(run: Run, admin: Caller) -> None:
    assert run("demo").output.startswith("Loaded")
    accounts = data(admin.get("/v6/billing-accounts"))
    assert accounts["count"] == 9
    assert {account["status"] for account in accounts["results"]} == {"ACTIVE", "INACTIVE"}
    again = run("demo")
    assert (again.exit_code, again.output) == (0, "The demo data is already loaded.\n")
    assert data(admin.get("/v6/billing-accounts")) == accounts


def test_the_demonstrations_customer_has_analytics_to_look_at(run: Run, as_caller: Callable[..., Caller]) -> None:
    run("demo")
    customer = as_caller(user="demo-customer")
    found = data(customer.get("/v1/account/usage/analytics/?days=30"))
    assert sum(day["usage"] > 0 for day in found["daily_usage"]) > 20
    assert found["total_purchases"] == 1500
    assert found["current_balance"] == credits_of(customer) > 0
