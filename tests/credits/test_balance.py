"""Reading credits: the balance, the transactions behind it, and what they were spent on."""

from collections.abc import Callable

import pytest
from flask import Flask
from freezegun import freeze_time

from app.clock import utc_now
from tests.caller import Caller, data, error
from tests.factories.customers import credits_of, open_customer, spend

BALANCE = "/v1/billing/credits/balance/"
TRANSACTIONS = "/v1/billing/transactions/"
USAGE = "/v1/billing/credits/usage/"
ANALYTICS = "/v1/account/usage/analytics/"


@pytest.mark.parametrize("path", [BALANCE, TRANSACTIONS, USAGE, ANALYTICS])
class TestWhoMayRead:
    def test_nobody_without_a_token(self, app: Flask, path: str) -> None:
        error(Caller(app, None).get(path), 401)

    def test_nobody_without_an_account(self, as_caller: Callable[..., Caller], path: str) -> None:
        error(as_caller().get(path), 403, "no_account")

    def test_a_machine_has_no_account(self, as_caller: Callable[..., Caller], path: str) -> None:
        error(as_caller(scopes=("grant:credits",)).get(path), 403, "no_account")

    def test_members_see_their_own(self, customer: Caller, as_caller: Callable[..., Caller], path: str) -> None:
        other = as_caller(user="other")
        open_customer(other, "Other")
        before = customer.get(path).get_data()
        spend(other, 7)
        assert customer.get(path).get_data() == before
        assert other.get(path).get_data() != before

    def test_credit_reads_answer_with_and_without_a_slash(self, customer: Caller, path: str) -> None:
        assert customer.get(path).get_data() == customer.get(path.rstrip("/")).get_data()


def test_a_new_account_has_its_plan(customer: Caller) -> None:
    expected = {
        "credits": 100,
        "plan_credits_per_month": 100,
        "credits_used_this_month": 0,
        "credits_remaining": 100,
        "credits_held": 0,
        "credits_frozen": 0,
        "credits_available": 100,
        "expiring": [],
        "debt": 0,
    }
    assert data(customer.get(BALANCE)) == expected
    assert data(customer.get("/v1/billing/credits/balance/balance/")) == expected


def test_only_this_month_counts_as_used(customer: Caller) -> None:
    with freeze_time("2031-05-31T23:59:59Z"):
        before = spend(customer, 10)["balance_after"]
    with freeze_time("2031-06-01T00:00:00Z"):
        spend(customer, 3)
    with freeze_time("2031-06-30T23:59:59Z"):
        balance = data(customer.get(BALANCE))
    assert (balance["credits"], balance["credits_used_this_month"]) == (before + 100 - 3, 3)


class TestTransactions:
    def test_newest_first_with_a_running_balance(self, customer: Caller) -> None:
        spend(customer, 10, description="twelve keywords")
        spend(customer, 5)
        page = data(customer.get(TRANSACTIONS))
        assert [(row["amount"], row["balance_after"]) for row in page["results"]] == [(-5, 85), (-10, 90), (100, 100)]
        assert [row["transaction_type"] for row in page["results"]] == ["deduction", "deduction", "grant"]
        assert page["results"][1]["description"] == "twelve keywords"
        assert set(page["results"][0]) == {
            *("id", "amount", "transaction_type", "description", "created_at", "balance_after")
        }
        assert {name: page[name] for name in page if name != "results"} == {
            "count": 3,
            "page": 1,
            "per_page": 20,
            "total_pages": 1,
        }

    def test_transactions_come_in_pages(self, customer: Caller) -> None:
        for credits in range(1, 6):
            spend(customer, credits)
        page = data(customer.get(f"{TRANSACTIONS}?per_page=2&page=2"))
        assert [row["amount"] for row in page["results"]] == [-3, -2]
        assert (page["count"], page["total_pages"]) == (6, 3)
        assert data(customer.get(f"{TRANSACTIONS}?page=9"))["count"] == 6

    def test_transactions_filter_by_type_and_date(self, customer: Caller) -> None:
        with freeze_time("2031-05-31T23:59:59Z"):
            spend(customer, 1)
        with freeze_time("2031-06-01T12:00:00Z"):
            spend(customer, 2)

        def amounts(query: str) -> list[int]:
            page = data(customer.get(f"{TRANSACTIONS}?{query}"))
            assert page["count"] == len(page["results"])
            return [row["amount"] for row in page["results"]]

        assert set(amounts("transaction_type=grant&per_page=100")) == {100}
        assert amounts("start_date=2031-06-01") == [-2, 100]
        assert amounts("start_date=2031-05-31&end_date=2031-05-31") == [-1]
        assert amounts("transaction_type=deduction&end_date=2031-06-01") == [-2, -1]

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("transaction_type=gift", "transaction_type"),
            ("start_date=soon", "start_date"),
            ("start_date=2031-06-02&end_date=2031-06-01", "start_date"),
            ("perPage=3", "perPage"),
            ("per_page=0", "per_page"),
        ],
    )
    def test_bad_filters_of_transactions_are_refused(self, customer: Caller, query: str, field: str) -> None:
        assert field in error(customer.get(f"{TRANSACTIONS}?{query}"), 400)["details"]["query"]


class TestUsage:
    def test_usage_lists_credits_by_operation(self, customer: Caller) -> None:
        spend(customer, 10, "images")
        spend(customer, 1, "search")
        page = data(customer.get(USAGE))
        assert page["count"] == 2
        assert [(row["operation_type"], row["credits_used"], row["cost_usd"]) for row in page["results"]] == [
            ("search", 1, "0.01"),
            ("images", 10, "0.10"),
        ]
        assert data(customer.get(f"{USAGE}?operation_type=images"))["count"] == 1
        assert data(customer.get(f"{USAGE}?operation_type=other"))["results"] == []


class TestAnalytics:
    def test_analytics_have_one_row_for_each_day(self, customer: Caller) -> None:
        with freeze_time("2031-06-02T12:00:00Z"):
            spend(customer, 10)
            spend(customer, 5)
        with freeze_time("2031-06-04T12:00:00Z"):
            spend(customer, 1)
            found, balance = data(customer.get(f"{ANALYTICS}?days=3")), credits_of(customer)
        assert found == {
            "period_days": 3,
            "current_balance": balance,
            "usage_by_type": [{"transaction_type": "deduction", "total": -16, "count": 3}],
            "daily_usage": [
                {"date": "2031-06-02", "usage": 15, "purchases": 0, "net": -15},
                {"date": "2031-06-03", "usage": 0, "purchases": 0, "net": 0},
                {"date": "2031-06-04", "usage": 1, "purchases": 0, "net": -1},
            ],
            "total_usage": 16,
            "total_purchases": 0,
        }

    def test_analytics_default_to_thirty_days(self, customer: Caller) -> None:
        assert len(data(customer.get(ANALYTICS))["daily_usage"]) == 30

    @pytest.mark.parametrize("days", ["0", "366", "x", "1.5", ""])
    def test_bad_periods_of_analytics_are_refused(self, customer: Caller, days: str) -> None:
        assert "days" in error(customer.get(f"{ANALYTICS}?days={days}"), 400)["details"]["query"]


class TestOfMachines:
    @pytest.fixture
    def machine(self, as_caller: Callable[..., Caller]) -> Caller:
        return as_caller(scopes=("spend:credits",), user="", azp="spender")

    def test_a_machine_reads_the_balance_of_the_account_it_names(
        self, machine: Caller, customer: Caller, customer_id: int
    ) -> None:
        for path in (BALANCE, f"{BALANCE}balance/"):
            assert data(machine.get(f"{path}?account_id={customer_id}")) == data(customer.get(path))
        found = data(machine.get(f"{BALANCE}?account_id={customer_id}&as_of={utc_now():%Y-%m-%dT%H:%M:%S.%fZ}"))
        assert found.keys() == {"as_of", "credits", "credits_remaining"}
        assert found["credits"] == 100

    def test_it_must_name_one_that_there_is(self, machine: Caller, customer_id: int) -> None:
        assert "account_id" in error(machine.get(BALANCE), 400, "invalid_input")["details"]["query"]
        for more in ("", "&as_of=2026-01-01"):
            error(machine.get(f"{BALANCE}?account_id={customer_id + 1}{more}"), 404, "not_found")

    def test_a_member_may_name_their_own_only(
        self, customer: Caller, customer_id: int, as_caller: Callable[..., Caller]
    ) -> None:
        assert data(customer.get(f"{BALANCE}?account_id={customer_id}"))["credits"] == 100
        other = as_caller(user="other")
        open_customer(other, "Other")
        error(other.get(f"{BALANCE}?account_id={customer_id}"), 404, "not_found")
