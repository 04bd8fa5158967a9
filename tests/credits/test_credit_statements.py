"""Balances at an instant of the past, and statements over a period."""

from typing import Any

import pytest
from freezegun import freeze_time

from tests.caller import Caller, data, error
from tests.credits.conftest import Give
from tests.factories.customers import spend
from tests.factories.exports import table, text_of

BALANCE = "/v1/billing/credits/balance/"
STATEMENTS = "/v1/billing/statements/"

pytestmark = pytest.mark.usefixtures("sound_books")


@pytest.fixture
def history(owner: Caller, give: Give) -> None:
    """100 at noon of the 10th, 30 more on the 11th until the 14th, of which 10 are spent on the 12th."""
    with freeze_time("2031-03-11T12:00:00Z"):
        give(30, expires_at="2031-03-14T12:00:00Z")
    with freeze_time("2031-03-12T12:00:00Z"):
        spend(owner, 10, "images")


def at(owner: Caller, instant: str) -> Any:
    return data(owner.get(f"{BALANCE}?as_of={instant}"))


def statement(owner: Caller, since: str, until: str) -> Any:
    found = data(owner.get(f"{STATEMENTS}?from={since}&to={until}"))
    amounts = [each["amount"] for each in found["transactions"]]
    assert found["opening"]["credits"] + sum(amounts) == found["closing"]["credits"]
    assert sum(each["total"] for each in found["by_type"]) == sum(amounts)
    assert sum(each["count"] for each in found["by_type"]) == len(amounts)
    return found


@pytest.mark.usefixtures("history")
class TestBalanceAtAnInstant:
    def test_everything_up_to_the_instant_counts_posted_or_not(self, owner: Caller) -> None:
        with freeze_time("2031-03-20T00:00:00Z"):
            assert at(owner, "2031-03-10T12:00:00Z") == {
                "as_of": "2031-03-10T12:00:00.000Z",
                "credits": 100,
                "credits_remaining": 100,
            }
            seen = [
                at(owner, f"2031-03-{instant}Z")["credits"]
                for instant in ("11T11:59:59.999", "11T12:00:00", "12T12:00:00", "14T11:59:59.999", "14T12:00:00")
            ]
            assert seen == [100, 130, 120, 120, 100]
            assert at(owner, "2031-03-12")["credits"] == 120
            spend(owner, 1)
            assert at(owner, "2031-03-14T12:00:00Z")["credits"] == 100

    def test_there_is_no_future_and_nothing_before_the_opening(self, owner: Caller) -> None:
        with freeze_time("2031-03-20T00:00:00Z"):
            assert "as_of" in error(owner.get(f"{BALANCE}?as_of=2031-03-20T00:00:01Z"), 400)["details"]["query"]
            error(owner.get(f"{BALANCE}?as_of=2031-03-10T11:59:59Z"), 409, "not_open_yet")


@pytest.mark.usefixtures("history")
class TestStatement:
    def test_opening_and_transactions_make_the_closing(self, owner: Caller) -> None:
        with freeze_time("2031-04-02T00:00:00Z"):
            found = statement(owner, "2031-03-11", "2031-03-31")
            assert (found["from"], found["to"]) == ("2031-03-11T00:00:00.000Z", "2031-04-01T00:00:00.000Z")
            assert (found["opening"], found["closing"]) == ({"credits": 100}, {"credits": 100})
            assert [(each["amount"], each["id"] is None) for each in found["transactions"]] == [
                (30, False),
                (-10, False),
                (-20, True),
            ]
            assert found["by_type"] == [
                {"transaction_type": "deduction", "total": -10, "count": 1},
                {"transaction_type": "expiry", "total": -20, "count": 1},
                {"transaction_type": "grant", "total": 30, "count": 1},
            ]
            assert found["by_operation_type"] == [{"operation_type": "images", "total": -10, "count": 1}]
            spend(owner, 1)
            posted = statement(owner, "2031-03-11", "2031-03-31")
            assert posted["closing"] == found["closing"]
            assert posted["by_type"] == found["by_type"]

    def test_a_period_may_begin_before_the_opening_and_end_in_the_future(self, owner: Caller) -> None:
        with freeze_time("2031-03-20T00:00:00Z"):
            found = statement(owner, "2030-01-01", "2040-01-01")
            assert (found["opening"], found["closing"]) == ({"credits": 0}, {"credits": 100})
            assert statement(owner, "2031-03-15", "2031-03-16")["opening"] == {"credits": 100}
            assert statement(owner, "2020-03-15", "2020-03-16")["closing"] == {"credits": 0}

    def test_as_csv_it_has_a_row_for_each_end(self, owner: Caller) -> None:
        with freeze_time("2031-03-20T00:00:00Z"):
            answer = owner.send("GET", f"{STATEMENTS}?from=2031-03-11&to=2031-03-31&format=csv")
            header, rows = table(text_of(answer))
            cells = [dict(zip(header, row, strict=True)) for row in rows]
            assert [(each["transaction_type"], each["amount"], each["balance_after"]) for each in cells] == [
                ("opening", "", "100"),
                ("grant", "30", "130"),
                ("deduction", "-10", "120"),
                ("expiry", "-20", "100"),
                ("closing", "", "100"),
            ]

    def test_as_a_pdf_it_is_one(self, owner: Caller) -> None:
        with freeze_time("2031-03-20T00:00:00Z"):
            path = f"{STATEMENTS}?from=2031-03-11&to=2031-03-31"
            answer = owner.send("GET", path, Accept="application/pdf")
            assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
            assert answer.get_data().startswith(b"%PDF-")
            assert owner.send("GET", f"{path}&format=pdf").get_data() == answer.get_data()

    @pytest.mark.parametrize("query", ["", "from=2031-03-01", "from=2031-03-02&to=2031-02-01", "from=x&to=2031-03-01"])
    def test_bad_periods_are_refused(self, owner: Caller, query: str) -> None:
        with freeze_time("2031-03-20T00:00:00Z"):
            error(owner.get(f"{STATEMENTS}?{query}"), 400)
