from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.billing_accounts.importing import ACCOUNT_COLUMNS
from app.clients.importing import COLUMNS
from cli.legacy_import import mapping
from cli.legacy_import.values import Number, RejectedRowError


def client(**row: Any) -> dict[str, Any]:
    return dict(zip(COLUMNS, mapping.client({"client_id": "1", "name": "Acme", **row}, lambda _: None), strict=True))


def account(**row: Any) -> dict[str, Any]:
    values = mapping.account({"project_id": "1", "name": "Acme", **row}, lambda _: None)
    return dict(zip(ACCOUNT_COLUMNS, values, strict=True))


def line(locked: Any, consumed: Any) -> tuple[Any, Any]:
    row = {"challenge_id": "3", "project_id": "1", "locked_amount": locked, "consumed_amount": consumed}
    return mapping.challenge_budget(row, lambda _: None)[2:]


@pytest.mark.parametrize(
    ("status", "expected"),
    [("1", "ACTIVE"), (1, "ACTIVE"), ("2", "INACTIVE"), ("", "INACTIVE"), (None, "INACTIVE"), ("true", "INACTIVE")],
)
def test_only_status_1_is_an_active_client(status: Any, expected: str) -> None:
    assert client(status=status)["status"] == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"code_name": "A", "customer_number": "B"}, "A"),
        ({"code_name": "  ", "customer_number": "B"}, "B"),
        ({"code_name": None, "customer_number": 7}, "7"),
        ({}, None),
    ],
)
def test_the_first_code_that_is_not_blank_counts(row: dict[str, Any], expected: str | None) -> None:
    assert client(**row)["code_name"] == expected


@pytest.mark.parametrize("value", ["1", 1, True, "true", "TRUE", "Yes", " yes "])
def test_flags_are_true_in_any_type_and_case(value: Any) -> None:
    assert account(active=value)["status"] == "ACTIVE"
    assert account(is_manual_prize_setting=value)["is_manual_prize"] is True
    assert account(billable=value)["billable"] is True


@pytest.mark.parametrize("value", ["0", 0, False, "no", "2", "active"])
def test_anything_else_is_false(value: Any) -> None:
    assert account(active=value)["status"] == "INACTIVE"
    assert account(is_manual_prize_setting=value)["is_manual_prize"] is False
    assert account(billable=value)["billable"] is False


@pytest.mark.parametrize("missing", [{}, {"billable": None}, {"billable": ""}])
def test_billable_is_true_when_missing(missing: dict[str, Any]) -> None:
    assert account(**missing)["billable"] is True


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1234.50", Decimal("1234.5")),
        (100, Decimal(100)),
        ("105000.00000007733", Decimal(105000)),
        ("0.00005", Decimal("0.0001")),
        # A float is less than that.
        ("0.00015", Decimal("0.0002")),
        ("1e3", Decimal(1000)),
        (None, Decimal(0)),
        ("", Decimal(0)),
    ],
)
def test_budgets_are_exact_to_four_decimals(value: Any, expected: Decimal) -> None:
    assert account(budget=value)["budget"] == expected


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"project_id": None}, "project_id: missing"),
        ({"project_id": "x"}, "project_id: not an integer"),
        ({"project_id": "0"}, "project_id: not an integer"),
        ({"project_id": "2147483648"}, "project_id: not an integer"),
        ({"project_id": True}, "project_id: not an integer"),
        ({"name": " "}, "name: missing"),
        ({"name": ["x"]}, "name: not a string"),
        ({"name": "x" * 256}, "name: longer"),
        ({"name": "a\x00b"}, "name: contains a NUL"),
        ({"name": "\udcff"}, "name: not valid UTF-8"),
        ({"budget": "1,000"}, "budget: not a number"),
        ({"budget": " 10"}, "budget: not a number"),
        ({"budget": "NaN"}, "budget: not a number"),
        ({"budget": "Infinity"}, "budget: not a number"),
        ({"budget": True}, "budget: not a number"),
        ({"budget": "-1"}, "budget: negative"),
        ({"budget": "100000000000"}, "budget: too large"),
        ({"budget": "1e99"}, "budget: too large"),
        ({"sales_tax": "-1"}, "sales_tax: negative"),
        ({"sales_tax": "1000000"}, "sales_tax: too large"),
    ],
)
def test_rows_that_cannot_be_kept_say_why(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(RejectedRowError, match=reason):
        account(**row)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2010-01-31 12:30:00", datetime(2010, 1, 31, 12, 30, tzinfo=UTC)),
        ("2010-01-31 12:30:00.0", datetime(2010, 1, 31, 12, 30, tzinfo=UTC)),
        ("2010-01-31", datetime(2010, 1, 31, tzinfo=UTC)),
        ("2010-01-31T12:30:00+02:00", datetime(2010, 1, 31, 10, 30, tzinfo=UTC)),
        ("2010-01-31T12:30:00Z", datetime(2010, 1, 31, 12, 30, tzinfo=UTC)),
        (None, None),
        ("", None),
    ],
)
def test_dates_are_utc(value: Any, expected: datetime | None) -> None:
    assert account(start_date=value)["start_date"] == expected


@pytest.mark.parametrize("value", ["2009-02-30 00:00:00", "soon", 20100131, "0000-00-00", "0001-01-01T00:00:00+14:00"])
def test_impossible_dates_are_dropped_and_noted(value: Any) -> None:
    notes: list[str] = []
    row = mapping.account({"project_id": "1", "name": "Acme", "start_date": value}, notes.append)
    assert dict(zip(ACCOUNT_COLUMNS, row, strict=True))["start_date"] is None
    assert notes == ["start_date: not a date, dropped"]


def test_an_end_before_the_start_is_dropped_and_noted() -> None:
    notes: list[str] = []
    dates = {"start_date": "2011-01-01 00:00:00", "end_date": "2010-01-01 00:00:00"}
    row = mapping.client({"client_id": "1", "name": "Acme", **dates}, notes.append)
    assert row[-2:] == (datetime(2011, 1, 1, tzinfo=UTC), None)
    assert notes == ["end_date: before start_date, dropped"]


@pytest.mark.parametrize(
    ("locked", "consumed", "expected"),
    [
        ("10", "5", ("consumed", 5)),
        ("10", "0", ("locked", 10)),
        ("10", None, ("locked", 10)),
        ("0", "0", (None, 0)),
        (None, None, (None, 0)),
        ("0.00004", "0.00001", (None, 0)),
    ],
)
def test_consumed_wins_over_locked(locked: Any, consumed: Any, expected: tuple[Any, int]) -> None:
    assert line(locked, consumed) == expected


@pytest.mark.parametrize(
    ("locked", "consumed", "reason"),
    [
        (-1, 0, "locked_amount: negative"),
        ("-1", "10", "locked_amount: negative"),
        ("10", "-5", "consumed_amount: negative"),
        ("-0.00001", None, "locked_amount: negative"),
        ("1e12", None, "locked_amount: too large"),
    ],
)
def test_amounts_that_cannot_be_say_why(locked: Any, consumed: Any, reason: str) -> None:
    with pytest.raises(RejectedRowError, match=reason):
        line(locked, consumed)


@pytest.mark.parametrize(
    "value",
    ["5001", 5001, "5001.0", "5001.", "5001.000", Number("5001.0"), Number("5.001e3"), Number("5.001E+3")],
)
def test_whole_numbers_are_ids_however_they_are_written(value: Any) -> None:
    expected = 5001
    assert account(project_id=value)["id"] == expected
    assert account(client_id=value)["client_id"] == str(expected)
    assert client(client_id=value)["id"] == str(expected)
    row = {"challenge_id": value, "project_id": value}
    assert mapping.challenge_budget(row, lambda _: None)[:2] == (expected, str(expected))
    assert mapping.user_account({"user_account_id": value, "user_name": "ann"}, lambda _: None)[0] == str(expected)
    row = {"user_account_id": value, "project_id": value, "client_id": value}
    assert mapping.project_manager(row, lambda _: None) == (expected, str(expected))
    assert mapping.client_link(row, lambda _: None) == (expected, str(expected))


@pytest.mark.parametrize("value", ["1e3", "5001.5", "v1.0", "1.0.0", "0x10", ".0", "-1.0"])
def test_other_texts_are_references_as_they_stand(value: str) -> None:
    assert client(client_id=value)["id"] == value


@pytest.mark.parametrize("value", ["5001.5", Number("5001.5"), Number("1e99"), "1e3", Number("9" * 5000), "-1.0", ".0"])
def test_numbers_that_are_not_whole_or_too_large_are_no_ids(value: Any) -> None:
    with pytest.raises(RejectedRowError, match="project_id: not an integer"):
        account(project_id=value)


@pytest.mark.parametrize("value", ["a\u200bb", "a\x1fb", "a\u202eb", ".", ".."])
def test_references_that_could_not_be_named_are_rejected(value: str) -> None:
    with pytest.raises(RejectedRowError, match="client_id: "):
        client(client_id=value)


@pytest.mark.parametrize(
    ("value", "expected"), [("0.33", "0.33"), (Number("0.33"), "0.33"), ("33", "33"), ("1", "1"), ("0", "0")]
)
def test_a_fee_is_a_markup_as_it_stands(value: Any, expected: str) -> None:
    row = {"project_id": "1", "contest_fee_percentage": value, "active": "1"}
    assert mapping.contest_fee(row, lambda _: None) == (1, Decimal(expected), None)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "missing"),
        ({"contest_fee_percentage": "33 %"}, "not a number"),
        ({"contest_fee_percentage": -1}, "negative"),
    ],
)
def test_a_fee_that_is_none_is_rejected(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(RejectedRowError, match=f"contest_fee_percentage: {reason}"):
        mapping.contest_fee({"project_id": "1", **row}, lambda _: None)


def test_a_manager_who_left_is_refused() -> None:
    with pytest.raises(RejectedRowError, match="inactive"):
        mapping.project_manager({"project_id": "1", "user_account_id": "2", "active": "0"}, lambda _: None)
