from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from freezegun import freeze_time

from app.clock import utc_now
from app.web.json import format_time
from tests.billing_accounts.conftest import totals
from tests.caller import ACCOUNTS, Caller, Open, data, error
from tests.factories.accounts import create_client

WHOLE = {
    "projectId": "p-1",
    "name": "Acme 2025",
    "description": "Design work",
    "subcontractingEndCustomer": "Globex",
    "status": "INACTIVE",
    "startDate": "2025-01-01T00:00:00.000Z",
    "endDate": "2025-12-31T23:59:59.000Z",
    "budget": Decimal("99999999999.9999"),
    "markup": Decimal("0.2525"),
    "poNumber": "PO-1",
    "subscriptionNumber": "S-1",
    "isManualPrize": True,
    "paymentTerms": "30",
    "salesTax": Decimal("8.25"),
    "billable": False,
}
OPTIONAL = {
    "projectId",
    "description",
    "subcontractingEndCustomer",
    "startDate",
    "endDate",
    "poNumber",
    "subscriptionNumber",
    "paymentTerms",
    "salesTax",
}


class TestCreate:
    def test_every_field_is_kept(self, as_caller: Any, client_id: str) -> None:
        caller = as_caller(roles=("administrator",), user="305")
        account = data(caller.post(ACCOUNTS, {**WHOLE, "clientId": client_id}), 201)
        assert {name: account[name] for name in WHOLE} == WHOLE
        assert account["client"]["name"] == "Acme"
        assert (account["clientId"], account["createdBy"]) == (client_id, "305")
        assert (account["lockedBudget"], account["consumedBudget"]) == (0, 0)
        assert account["totalBudgetRemaining"] == WHOLE["budget"]
        assert {**account, "lockedAmounts": [], "consumedAmounts": []} == data(
            caller.get(f"{ACCOUNTS}/{account['id']}")
        )

    def test_what_is_not_said_has_a_default(self, admin: Caller, path: str) -> None:
        account = data(admin.get(path))
        assert {name for name in WHOLE if account[name] is None} == OPTIONAL
        assert (account["status"], account["isManualPrize"], account["billable"]) == ("ACTIVE", False, True)

    @pytest.mark.parametrize("field", ["name", "budget", "markup", "clientId"])
    @pytest.mark.parametrize("missing", ["left out", None])
    def test_what_is_needed_is_named(self, admin: Caller, client_id: str, field: str, missing: Any) -> None:
        account = {"name": "Acme", "budget": 1, "markup": 0, "clientId": client_id, field: missing}
        if missing is not None:
            del account[field]
        assert field in error(admin.post(ACCOUNTS, account), 400, "invalid_input")["details"]["json"]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("clientId", "nobody"),
            ("name", ""),
            ("name", "x" * 256),
            ("budget", -1),
            ("budget", 100_000_000_000),
            ("budget", "0.00001"),
            ("markup", -0.1),
            ("markup", 1_000_000),
            ("salesTax", -1),
            ("status", "active"),
            ("billable", "true"),
            ("startDate", "2025-02-30T00:00:00Z"),
            ("id", 7),
            ("createdBy", "me"),
            ("lockedBudget", 5),
            ("totalBudgetRemaining", 5),
        ],
    )
    def test_what_does_not_fit_is_named(self, admin: Caller, client_id: str, field: str, value: Any) -> None:
        account = {"name": "Acme", "budget": 1, "markup": 0, "clientId": client_id, field: value}
        assert field in error(admin.post(ACCOUNTS, account), 400, "invalid_input")["details"]["json"]
        assert data(admin.get(ACCOUNTS))["count"] == 0

    def test_an_end_before_the_start_is_refused(self, admin: Caller, client_id: str) -> None:
        dates = {"startDate": "2025-02-02T00:00:00Z", "endDate": "2025-02-01T00:00:00Z"}
        account = {"name": "Acme", "budget": 1, "markup": 0, "clientId": client_id, **dates}
        assert "startDate" in error(admin.post(ACCOUNTS, account), 400)["details"]["json"]

    def test_account_ids_increase(self, open_account: Open) -> None:
        first, second = open_account(), open_account()
        assert second > first


class TestRead:
    @pytest.mark.parametrize("account_id", ["0", "-1", "x", "1.5", "2147483648", "99999999999999999999"])
    def test_what_cannot_be_an_id_is_said(self, admin: Caller, account_id: str) -> None:
        details = error(admin.get(f"{ACCOUNTS}/{account_id}"), 400, "invalid_input")["details"]
        assert "billingAccountId" in details["path"]

    def test_an_unknown_account_is_not_found(self, admin: Caller) -> None:
        assert error(admin.get(f"{ACCOUNTS}/7"), 404, "not_found")["message"] == "Billing account 7 was not found"

    def test_lines_come_oldest_first(self, admin: Caller, path: str) -> None:
        for challenge in ("c3", "c1", "c2"):
            data(admin.patch(f"{path}/lock-amount", {"challengeId": challenge, "amount": 1}))
        assert [line["externalId"] for line in data(admin.get(path))["lockedAmounts"]] == ["c3", "c1", "c2"]


class TestChange:
    def test_an_unknown_account_is_not_found(self, admin: Caller) -> None:
        error(admin.patch(f"{ACCOUNTS}/7", {"name": "x"}), 404, "not_found")

    def test_nothing_to_change_is_refused(self, admin: Caller, path: str) -> None:
        error(admin.patch(path, {}), 400, "invalid_input")

    def test_every_field_can_be_changed(self, admin: Caller, path: str) -> None:
        other = create_client(admin, "Globex")
        account = data(admin.patch(path, {**WHOLE, "clientId": other}))
        assert {name: account[name] for name in WHOLE} == WHOLE
        assert account["client"]["name"] == "Globex"
        assert data(admin.get(path))["clientId"] == other

    def test_what_is_not_named_stays(self, admin: Caller, path: str) -> None:
        before = data(admin.get(path))
        after = data(admin.patch(path, {"poNumber": "PO-2"}))
        changed = {name for name in after if after[name] != before[name]}
        assert changed == {"poNumber", "updatedAt"}

    def test_a_changed_budget_is_a_changed_account(self, admin: Caller, path: str) -> None:
        with freeze_time(utc_now() + timedelta(hours=1)):
            now = format_time(utc_now())
            assert data(admin.patch(path, {"budget": 101}))["updatedAt"] == now
        assert data(admin.get(path))["updatedAt"] == now

    @pytest.mark.parametrize("field", sorted(OPTIONAL))
    def test_null_clears_what_is_optional(self, admin: Caller, open_account: Open, field: str) -> None:
        path = f"{ACCOUNTS}/{open_account(**{field: WHOLE[field]})}"
        assert data(admin.get(path))[field] == WHOLE[field]
        assert data(admin.patch(path, {field: None}))[field] is None

    @pytest.mark.parametrize("field", sorted(WHOLE.keys() - OPTIONAL | {"clientId"}))
    def test_null_does_not_clear_what_is_needed(self, admin: Caller, path: str, field: str) -> None:
        assert field in error(admin.patch(path, {field: None}), 400, "invalid_input")["details"]["json"]

    def test_an_unknown_client_is_refused(self, admin: Caller, path: str) -> None:
        details = error(admin.patch(path, {"clientId": "nobody", "name": "x"}), 400, "invalid_input")["details"]
        assert "clientId" in details["json"]
        assert data(admin.get(path))["name"] == "Acme 2025"

    @pytest.mark.parametrize(
        ("field", "value"), [("startDate", "2026-01-01T00:00:00Z"), ("endDate", "2024-12-31T00:00:00Z")]
    )
    def test_a_start_never_comes_after_its_end(self, admin: Caller, open_account: Open, field: str, value: str) -> None:
        path = f"{ACCOUNTS}/{open_account(startDate=WHOLE['startDate'], endDate=WHOLE['endDate'])}"
        assert field in error(admin.patch(path, {field: value}), 400, "invalid_input")["details"]["json"]

    def test_a_budget_below_what_is_reserved_is_refused(self, admin: Caller, path: str) -> None:
        data(admin.patch(f"{path}/lock-amount", {"challengeId": "c1", "amount": 30}))
        data(admin.patch(f"{path}/consume-amount", {"challengeId": "c2", "amount": 20}))
        problem = error(admin.patch(path, {"budget": "49.9999", "name": "x"}), 409, "budget_below_reserved")
        assert problem["details"] == {"reserved": 50, "requested": Decimal("49.9999")}
        assert data(admin.get(path))["name"] == "Acme 2025", "a refused change changes nothing"
        assert data(admin.patch(path, {"budget": 50}))["totalBudgetRemaining"] == 0
        assert totals(admin, path) == (30, 20)

    def test_an_overspent_account_keeps_its_budget_or_gets_more(self, admin: Caller, overspent: str) -> None:
        error(admin.patch(overspent, {"budget": 120}), 409, "budget_below_reserved")
        data(admin.patch(overspent, {"budget": 100, "name": "x"}))
        data(admin.patch(overspent, {"budget": 140}))


@pytest.mark.parametrize("amount", ["0.0001", "105000.1234", "99999999999.9999", "1e2", "0.10"])
def test_money_is_exact_from_end_to_end(admin: Caller, client_id: str, amount: str) -> None:
    sent = Decimal(amount)
    account = {"name": "Acme", "budget": sent, "markup": 0, "clientId": client_id}
    assert data(admin.post(ACCOUNTS, account), 201)["budget"] == sent


def test_many_small_sums_stay_exact(admin: Caller, path: str) -> None:
    for number in range(10):
        data(admin.patch(f"{path}/lock-amount", {"challengeId": f"c{number}", "amount": 0.1}))
    assert data(admin.get(path))["lockedBudget"] == 1
