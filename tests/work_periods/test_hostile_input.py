"""Input meant to break the service has an outcome of its own, and its neighbours go through."""

from decimal import Decimal
from typing import Any

import pytest

from app.web.json import MAX_DEPTH
from tests.caller import Caller, data, error
from tests.factories.bookings import BOOKING, BOOKINGS, PAYMENTS, move, pay
from tests.work_periods.conftest import Book

BULK = f"{PAYMENTS}/bulk"


def nested(depth: int) -> str:
    """That many arrays, one inside the other."""
    return "[" * depth + "]" * depth


class TestBulkItems:
    @pytest.mark.parametrize(
        "value",
        [
            pytest.param("1" + 30 * "0", id="an integer of more than 64 bits"),
            pytest.param("-1" + 30 * "0", id="a negative one"),
            pytest.param("1" + 5000 * "0", id="an integer of more digits than Python reads"),
            pytest.param("1E+999999999", id="a short number that is long when written out"),
            pytest.param("1E-999999999", id="a short fraction that is long when written out"),
            pytest.param("1.50", id="a trailing zero"),
            pytest.param('"a\\u0000b"', id="a NUL character"),
            pytest.param(nested(MAX_DEPTH - 3), id="nested deeply"),
            pytest.param('{"a":[1.0,{"b":1E+9}]}', id="an object"),
        ],
    )
    def test_what_was_sent_comes_back_as_it_was(self, admin: Caller, book: Book, value: str) -> None:
        good = f'{{"workPeriodId":"{book()[0]}","days":1}}'
        for member in ("workPeriodId", "days", "amount", "unheard-of"):
            answer = admin.post(BULK, f'[{{"{member}":{value}}},{good}]'.encode())
            failed, paid = data(answer)
            assert answer.get_data(as_text=True).startswith(f'{{"success":true,"data":[{{"{member}":{value},"error":{{')
            assert (failed["error"]["code"], failed["error"]["reason"]) == (400, "invalid_input")
            assert "workPeriodId" in failed["error"]["details"]["json"]
            assert (paid["days"], paid["status"]) == (1, "scheduled")

    def test_what_is_nested_beyond_reason_is_refused(self, admin: Caller) -> None:
        for depth in (MAX_DEPTH - 1, 300, 100_000):
            error(admin.post(BULK, f'[{{"x":{nested(depth)}}}]'.encode()), 400, "invalid_json")


class TestStatusDetails:
    @pytest.fixture
    def payment(self, admin: Caller, machine: Caller, book: Book) -> Any:
        """A payment in progress."""
        return move(machine, pay(admin, book()[0]), "in-progress")

    @pytest.mark.parametrize(
        ("details", "kept"),
        [
            ("{}", {}),
            ('{"step": {"errors": [null, true, "ü"]}}', {"step": {"errors": [None, True, "ü"]}}),
            ('{"fee": 1.5}', {"fee": Decimal("1.5")}),
            ('{"fee": 0.12345678901234567890}', {"fee": Decimal("0.12345678901234567890")}),
            ('{"n": 123456789012345678901234567890}', {"n": Decimal(123456789012345678901234567890)}),
        ],
    )
    def test_they_are_kept_as_sent(self, admin: Caller, machine: Caller, payment: Any, details: str, kept: Any) -> None:
        path = f"{PAYMENTS}/{payment['id']}"
        body = f'{{"status": "completed", "statusDetails": {details}}}'.encode()
        assert data(machine.patch(path, body))["statusDetails"] == kept
        data(admin.patch(path, {"customerRate": 1}))
        listed = data(admin.get(f"{PAYMENTS}?workPeriodId={payment['workPeriodId']}"))["results"][0]
        shown = data(admin.get(f"/v6/work-periods/{payment['workPeriodId']}"))["payments"][0]
        for found in (data(admin.get(path)), listed, shown):
            assert found["statusDetails"] == kept

    @pytest.mark.parametrize(
        "details",
        [
            "[]",
            '"x"',
            "7",
            '{"a": "\\u0000"}',
            '{"a": [{"\\u0000": 1}]}',
            '{"fee": 1E+308}',
            '{"fee": [1E-999999999]}',
            '{"a": "' + 10_000 * "x" + '"}',
        ],
    )
    def test_what_cannot_be_kept_is_named(self, machine: Caller, payment: Any, details: str) -> None:
        sent = f'{{"status": "completed", "statusDetails": {details}}}'
        problem = error(machine.patch(f"{PAYMENTS}/{payment['id']}", sent.encode()), 400, "invalid_input")
        assert problem["details"]["json"].keys() == {"statusDetails"}
        body = f'[{{"id": "{payment["id"]}", {sent[1:]}, {{"id": "{payment["id"]}", "status": "failed"}}]'
        refused, moved = data(machine.patch(BULK, body.encode()))
        assert refused["error"]["details"]["json"].keys() == {"statusDetails"}
        assert moved["status"] == "failed"


@pytest.mark.parametrize("day", ["0001-01-01", "1899-12-31", "3000-01-01", "9999-12-31"])
def test_dates_beyond_reason_are_refused(admin: Caller, day: str) -> None:
    problem = error(admin.post(BOOKINGS, {**BOOKING, "startDate": day, "endDate": day}), 400, "invalid_input")
    assert problem["details"]["json"].keys() == {"startDate", "endDate"}
