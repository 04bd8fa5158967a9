from decimal import Decimal
from typing import Any

import pytest

from tests.caller import Caller, data
from tests.factories.accounts import create_client

DAY_BEFORE, FIRST, NOON, LAST, DAY_AFTER = (
    "2025-10-29T23:59:59.999Z",
    "2025-10-30T00:00:00.000Z",
    "2025-10-30T12:00:00.000Z",
    "2025-10-30T23:59:59.999Z",
    "2025-10-31T00:00:00.000Z",
)


class TestTimes:
    @pytest.mark.parametrize(
        ("given", "shown"),
        [
            ("2025-10-30T13:00Z", "2025-10-30T13:00:00.000Z"),
            ("2025-10-30T13:00", "2025-10-30T13:00:00.000Z"),
            ("2025-10-30T13:00:05", "2025-10-30T13:00:05.000Z"),
            ("2025-10-30T13:00:05Z", "2025-10-30T13:00:05.000Z"),
            ("2025-10-30t13:00:05z", "2025-10-30T13:00:05.000Z"),
            ("2025-10-30 13:00:05Z", "2025-10-30T13:00:05.000Z"),
            ("2025-10-30T13:00:05.1Z", "2025-10-30T13:00:05.100Z"),
            ("2025-10-30T13:00:05.123Z", "2025-10-30T13:00:05.123Z"),
            ("2025-10-30T13:00:05.123999999Z", "2025-10-30T13:00:05.123Z"),
            ("2025-10-30T13:00+02:00", "2025-10-30T11:00:00.000Z"),
            ("2025-10-30T13:00+0530", "2025-10-30T07:30:00.000Z"),
            ("2025-10-30T23:30-01:00", "2025-10-31T00:30:00.000Z"),
            ("2024-02-29T00:00Z", "2024-02-29T00:00:00.000Z"),
            ("0001-01-01T00:00Z", "0001-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ],
    )
    def test_every_form_comes_out_in_utc_with_milliseconds(self, admin: Caller, given: str, shown: str) -> None:
        created = data(admin.post("/v6/clients", {"name": "Acme", "startDate": given}), 201)
        assert created["startDate"] == shown
        assert data(admin.get(f"/v6/clients/{created['id']}"))["startDate"] == shown
        assert data(admin.get("/v6/clients"))["results"][0]["startDate"] == shown

    def test_a_time_looks_the_same_alone_in_a_list_and_inside_another_thing(self, admin: Caller) -> None:
        client = data(admin.post("/v6/clients", {"name": "Acme", "startDate": "2025-10-30T13:00:05.007Z"}), 201)
        account = {"name": "Acme", "budget": 1, "markup": 0, "clientId": client["id"]}
        created = data(admin.post("/v6/billing-accounts", account), 201)
        listed = data(admin.get("/v6/billing-accounts"))["results"][0]
        assert created["client"] == listed["client"] == client == data(admin.get("/v6/clients"))["results"][0]

    @pytest.mark.parametrize("bound", ["2025-10-30T14:00%2B02:00", "2025-10-30T14:00+02:00", "2025-10-30T12:00"])
    def test_a_bound_may_name_its_zone(self, admin: Caller, bound: str) -> None:
        data(admin.post("/v6/clients", {"name": "Acme", "startDate": NOON}), 201)
        for side in ("From", "To"):
            assert data(admin.get(f"/v6/clients?startDate{side}={bound}"))["count"] == 1

    @pytest.mark.parametrize("field", ["startDate", "endDate"])
    @pytest.mark.parametrize(
        ("side", "bound", "found"),
        [
            ("From", "2025-10-30", [FIRST, NOON, LAST, DAY_AFTER]),
            ("To", "2025-10-30", [DAY_BEFORE, FIRST, NOON, LAST]),
            ("From", NOON, [NOON, LAST, DAY_AFTER]),
            ("To", NOON, [DAY_BEFORE, FIRST, NOON]),
            ("To", "2025-10-30T00:00", [DAY_BEFORE, FIRST]),
            ("To", "9999-12-31", [DAY_BEFORE, FIRST, NOON, LAST, DAY_AFTER]),
            ("From", "0001-01-01", [DAY_BEFORE, FIRST, NOON, LAST, DAY_AFTER]),
        ],
    )
    def test_a_date_alone_includes_its_whole_day(
        self, admin: Caller, field: str, side: str, bound: str, found: list[str]
    ) -> None:
        for moment in (DAY_BEFORE, FIRST, NOON, LAST, DAY_AFTER):
            data(admin.post("/v6/clients", {"name": "Acme", field: moment}), 201)
        page = data(admin.get(f"/v6/clients?{field}{side}={bound}&sortBy={field}"))
        assert [client[field] for client in page["results"]] == found

    def test_a_day_has_two_ends(self, admin: Caller) -> None:
        for moment in (DAY_BEFORE, FIRST, LAST, DAY_AFTER):
            data(admin.post("/v6/clients", {"name": "Acme", "startDate": moment}), 201)
        assert data(admin.get("/v6/clients?startDateFrom=2025-10-30&startDateTo=2025-10-30"))["count"] == 2


class TestMoney:
    @pytest.fixture
    def account(self, admin: Caller) -> dict[str, Any]:
        """The fields a new account must have, but for its budget."""
        client_id = create_client(admin)
        return {"name": "Acme", "markup": 0, "clientId": client_id}

    @pytest.mark.parametrize(
        ("given", "shown"),
        [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("0.0001", "0.0001"),
            ("1e-4", "0.0001"),
            ("0.1", "0.1"),
            ("10", "10"),
            ("100.00", "100"),
            ("12.50", "12.5"),
            ("1.10000000000000000000000000000000", "1.1"),
            ("1e3", "1000"),
            ("1.5E+2", "150"),
            ("0.3", "0.3"),
            ("1234567.8901", "1234567.8901"),
            ("4503599627.3705", "4503599627.3705"),
            ("99999999999.9999", "99999999999.9999"),
            ('"12.5"', "12.5"),
            ('"0012.5000"', "12.5"),
            ('".5"', "0.5"),
            ('"5."', "5"),
            ('"+5"', "5"),
            ('"99999999999.9999"', "99999999999.9999"),
        ],
    )
    def test_an_amount_comes_out_exactly_as_it_went_in(
        self, admin: Caller, account: dict[str, Any], given: str, shown: str
    ) -> None:
        created = data(admin.post("/v6/billing-accounts", account | {"budget": 1}), 201)
        path = f"/v6/billing-accounts/{created['id']}"
        changed = admin.patch(path, f'{{"budget": {given}}}'.encode())
        for answer in (changed, admin.get(path), admin.get("/v6/billing-accounts")):
            assert f'"budget":{shown},' in answer.get_data(as_text=True)
            assert f'"totalBudgetRemaining":{shown}' in answer.get_data(as_text=True)

    @pytest.mark.parametrize(
        ("amounts", "total"), [(["0.1", "0.2"], "0.3"), (["33333333333.3333"] * 3, "99999999999.9999")]
    )
    def test_sums_are_exact(self, admin: Caller, account: dict[str, Any], amounts: list[str], total: str) -> None:
        created = data(admin.post("/v6/billing-accounts", account | {"budget": "99999999999.9999"}), 201)
        path = f"/v6/billing-accounts/{created['id']}"
        for number, amount in enumerate(amounts):
            body = {"challengeId": str(number), "amount": Decimal(amount)}
            assert data(admin.patch(f"{path}/lock-amount", body))["amount"] == Decimal(amount)
        detail = admin.get(path)
        assert f'"lockedBudget":{total},' in detail.get_data(as_text=True)
        assert data(detail)["totalBudgetRemaining"] == Decimal("99999999999.9999") - Decimal(total)

    def test_every_amount_survives_a_double(self, admin: Caller, account: dict[str, Any]) -> None:
        for cents in (99_999_999_999_9999, 99_999_999_999_9998, 12_345_678_901_2345, 70_000_000_000_0001):
            budget = Decimal(cents) / 10_000
            created = data(admin.post("/v6/billing-accounts", account | {"budget": float(budget)}), 201)
            assert Decimal(repr(float(created["budget"]))) == budget == created["budget"]
