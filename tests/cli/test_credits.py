"""`flask credits` and `flask payments`."""

from collections.abc import Callable
from typing import Any

import pytest
from freezegun import freeze_time

from tests.caller import TEN_YEARS, Caller, data
from tests.cli.conftest import Run
from tests.factories.customers import Callers, join, open_customer, spend


def balance(customer: Caller) -> Any:
    return data(customer.get("/v1/billing/credits/balance/"))


class TestMonthlyCredits:
    def test_monthly_credits_are_granted_once_for_each_month(self, run: Run, as_caller: Callable[..., Caller]) -> None:
        customer = as_caller(user="owner", hours=TEN_YEARS)
        with freeze_time("2031-01-31T23:00:00Z"):
            open_customer(customer, "A")
            assert "Granted 0 credits" in run("credits", "grant-monthly").output
            assert balance(customer)["credits"] == 100
        with freeze_time("2031-02-01T00:00:00Z"):
            assert "Granted 100 credits for 1 months" in run("credits", "grant-monthly").output
            assert "Granted 0 credits for 0 months" in run("credits", "grant-monthly").output
        with freeze_time("2031-05-20T00:00:00Z"):
            assert "Granted 300 credits for 3 months" in run("credits", "grant-monthly").output
            assert balance(customer)["credits"] == 500
            found = data(customer.get("/v1/billing/transactions/?transaction_type=grant"))["results"]
        assert [each["description"] for each in found] == [
            f"Free plan, {month} 2031" for month in ("May", "April", "March", "February", "January")
        ]

    def test_monthly_credits_are_those_of_the_plan(self, run: Run, customer: Caller, customer_id: int) -> None:
        added = run("credits", "plan", "set", "Team", "--credits-per-month", "5000", "--usd-per-credit", "0.015")
        assert (added.exit_code, added.output) == (0, "Plan Team: 5,000 credits per month.\n")
        assert run("credits", "plan", "assign", str(customer_id), "Team").exit_code == 0
        assert balance(customer)["plan_credits_per_month"] == 5000
        with freeze_time("2031-01-15"):
            run("credits", "grant-monthly")
            assert balance(customer)["credits"] % 5000 == 0
        spent = spend(customer, 100)
        assert spent["cost_usd"] == "1.50"

    def test_a_plan_without_credits(self, run: Run, as_caller: Callable[..., Caller]) -> None:
        run("credits", "plan", "set", "None", "--credits-per-month", "0", "--usd-per-credit", "0", "--default")
        customer = as_caller(user="new")
        assert open_customer(customer, "A")["credit_balance"] == 0
        assert data(customer.get("/v1/billing/transactions/"))["count"] == 0
        assert run("credits", "grant-monthly").exit_code == 0

    def test_a_second_account_of_one_user_gets_the_months_after_its_first(self, run: Run, as_caller: Callers) -> None:
        opener = as_caller(user="opener", hours=TEN_YEARS)
        with freeze_time("2031-01-10"):
            open_customer(opener, "A")
            join(opener, as_caller, "heir", "owner")
            data(opener.post("/v1/account/leave/", None))
            open_customer(opener, "B")
            run("credits", "grant-monthly")
            assert balance(opener)["credits"] == 0
        with freeze_time("2031-02-01"):
            run("credits", "grant-monthly")
            assert balance(opener)["credits"] == 100


def grants(customer: Caller) -> dict[str, int]:
    """What was granted, by its description."""
    found = data(customer.get("/v1/billing/transactions/?transaction_type=grant&per_page=100"))["results"]
    return {each["description"]: each["amount"] for each in found}


def set_plan(run: Run, name: str, credits: int) -> None:
    assert (
        run("credits", "plan", "set", name, "--credits-per-month", credits, "--usd-per-credit", "0.01").exit_code == 0
    )


class TestPlanOfTheMonth:
    """A month brings what the plan of the account granted on the first of it, however late it is granted."""

    @pytest.fixture
    def opened(self, as_caller: Callers) -> tuple[Caller, int]:
        owner = as_caller(user="owner", hours=TEN_YEARS)
        with freeze_time("2031-01-15T10:00:00Z"):
            return owner, open_customer(owner, "A")["id"]

    def test_a_plan_changed_yesterday_does_not_change_the_months_before(
        self, run: Run, opened: tuple[Caller, int]
    ) -> None:
        owner, account_id = opened
        with freeze_time("2031-04-09T10:00:00Z"):
            set_plan(run, "Team", 5000)
            assert run("credits", "plan", "assign", account_id, "Team").exit_code == 0
            assert balance(owner)["plan_credits_per_month"] == 5000
        with freeze_time("2031-04-10T10:00:00Z"):
            assert "Granted 0 credits for 0 months" in run("credits", "grant-monthly").output
        with freeze_time("2031-05-01T00:00:00Z"):
            assert "Granted 5,000 credits for 1 months" in run("credits", "grant-monthly").output
        assert grants(owner) == {
            "Free plan, January 2031": 100,
            "Free plan, February 2031": 100,
            "Free plan, March 2031": 100,
            "Free plan, April 2031": 100,
            "Team plan, April 2031": 4900,
            "Team plan, May 2031": 5000,
        }

    def test_each_of_several_changes_counts_from_the_next_first(self, run: Run, opened: tuple[Caller, int]) -> None:
        owner, account_id = opened
        for day, name, credits in (
            ("02-01", "One", 1),
            ("03-31", "Two", 2),
            ("03-31", "Three", 3),
            ("05-02", "Four", 4),
        ):
            with freeze_time(f"2031-{day}T23:59:59Z"):
                set_plan(run, name, credits)
                assert run("credits", "plan", "assign", account_id, name).exit_code == 0
        with freeze_time("2031-06-20"):
            run("credits", "grant-monthly")
        assert grants(owner) == {
            "Free plan, January 2031": 100,
            "Free plan, February 2031": 100,
            "One plan, March 2031": 1,
            "Two plan, March 2031": 1,
            "Three plan, March 2031": 1,
            "Three plan, April 2031": 3,
            "Three plan, May 2031": 3,
            "Four plan, May 2031": 1,
            "Four plan, June 2031": 4,
        }

    def test_a_plan_that_grants_more_from_today_on_granted_less_before(
        self, run: Run, opened: tuple[Caller, int]
    ) -> None:
        owner, _ = opened
        with freeze_time("2031-03-10"):
            set_plan(run, "Free", 250)
            set_plan(run, "Free", 200)
            run("credits", "grant-monthly")
            assert balance(owner)["credits"] == 300
        with freeze_time("2031-04-01"):
            run("credits", "grant-monthly")
        assert balance(owner)["credits"] == 500

    def test_the_month_of_the_opening_is_that_of_the_plan_opened_on(self, run: Run, as_caller: Callers) -> None:
        with freeze_time("2031-01-10"):
            set_plan(run, "Trial", 10)
        with freeze_time("2031-01-12"):
            set_plan(run, "Trial", 30)
            run("credits", "plan", "set", "Trial", "--credits-per-month", 30, "--usd-per-credit", "0", "--default")
            owner = as_caller(user="late", hours=TEN_YEARS)
            assert open_customer(owner, "A")["credit_balance"] == 30

    def test_nothing_that_was_granted_is_granted_anew(self, run: Run, opened: tuple[Caller, int]) -> None:
        owner, account_id = opened
        with freeze_time("2031-02-01T00:00:00Z"):
            run("credits", "grant-monthly")
            set_plan(run, "Team", 5000)
            run("credits", "plan", "assign", account_id, "Team", "--from", "next_month")
            assert balance(owner)["credits"] == 200
            for name in ("Team", "Team", "Free", "Team"):
                run("credits", "plan", "assign", account_id, name)
                assert "Granted 0 credits for 0 months" in run("credits", "grant-monthly").output
                assert balance(owner)["credits"] == 5100


class TestPlansAndPackages:
    def test_plans_and_packages_are_listed(self, run: Run) -> None:
        assert "Free" in run("credits", "plan", "list").output
        assert "Growth Pack" in run("credits", "package", "list").output

    def test_names_are_shown_as_they_are(self, run: Run) -> None:
        for name in ("[/b]", "[red]Sale[/red] :smile:"):
            assert (
                run("credits", "plan", "set", name, "--credits-per-month", "1", "--usd-per-credit", "1").exit_code == 0
            )
            assert name in run("credits", "plan", "list").output

    def test_the_most_that_a_plan_can_make_of_a_credit(self, run: Run, customer: Caller, customer_id: int) -> None:
        most = ("--credits-per-month", 2**31 - 1, "--usd-per-credit", 1000)
        assert run("credits", "plan", "set", "Most", *most).exit_code == 0
        assert run("credits", "plan", "assign", str(customer_id), "Most").exit_code == 0
        with freeze_time("2031-01-15"):
            run("credits", "grant-monthly")
        spent = data(
            customer.post("/v1/billing/credits/usage/", {"operation_type": "x", "credits_used": 2**31 - 1}), 201
        )
        assert spent["cost_usd"] == "2147483647000.00"

    def test_packages_change(self, run: Run, customer: Caller) -> None:
        assert run("credits", "package", "set", "Mega Pack", "--credits", "50000", "--price", "499").exit_code == 0
        assert (
            run("credits", "package", "set", "Starter Pack", "--credits", "500", "--price", "9", "--inactive").exit_code
            == 0
        )
        found = data(customer.get("/v1/billing/credit-packages/"))["results"]
        assert [(each["name"], each["price"]) for each in found] == [
            ("Growth Pack", "29.00"),
            ("Scale Pack", "119.00"),
            ("Mega Pack", "499.00"),
        ]

    @pytest.mark.parametrize(
        "words",
        [
            ["package", "set", "X", "--credits", "0", "--price", "1"],
            ["package", "set", "X", "--credits", "5", "--price", "0"],
            ["package", "set", "X", "--credits", "5", "--price", "1.001"],
            ["package", "set", "X", "--credits", "5", "--price", "NaN"],
            ["package", "set", "X", "--credits", "5", "--price", "1_0"],
            ["package", "set", "X", "--credits", "5", "--price", "1e1"],
            ["package", "set", "X", "--credits", "\u0661", "--price", "1"],
            ["package", "set", "X", "--credits", "1_0", "--price", "1"],
            ["package", "set", " ", "--credits", "5", "--price", "1"],
            ["package", "set", "X", "--credits", "5", "--price", "99999999999"],
            ["plan", "set", "X", "--credits-per-month", "-1", "--usd-per-credit", "0"],
            ["plan", "set", "X", "--credits-per-month", "1", "--usd-per-credit", "cheap"],
            ["plan", "set", "X", "--credits-per-month", "1", "--usd-per-credit", "1000.01"],
            ["plan", "assign", "x", "Free"],
            ["plan", "assign", "0", "Free"],
            ["plan", "assign", str(2**53), "Free"],
        ],
    )
    def test_wrong_usage_of_credits_commands_is_refused(self, run: Run, words: list[str]) -> None:
        assert run("credits", *words).exit_code == 2

    def test_unknown_accounts_and_plans_are_refused(self, run: Run, customer_id: int) -> None:
        unknown = run("credits", "plan", "assign", "987654321", "Free")
        assert (unknown.exit_code, "was not found" in unknown.output) == (1, True)
        assert run("credits", "plan", "assign", str(customer_id), "Nope").exit_code == 1


def test_nothing_to_reconcile(run: Run) -> None:
    result = run("payments", "reconcile")
    assert (result.exit_code, result.output) == (0, "0 payments open or changed, 0 changed.\n")
