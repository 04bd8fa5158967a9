from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

from app.billing_accounts.ledger.batch import Budgets
from app.billing_accounts.ledger.standing import Line
from app.billing_accounts.models import ExternalType, Kind
from app.db.transaction import transaction
from tests.caller import ACCOUNTS, Caller, Open, data, error

CALLERS: dict[str, dict[str, tuple[str, ...]]] = {
    "administrator": {"roles": ("Administrator",)},
    "copilot": {"roles": ("Copilot",)},
    "talent manager": {"roles": ("Talent Manager",)},
    "topcoder talent manager": {"roles": ("Topcoder Talent Manager",)},
    "bookingmanager": {"roles": ("BookingManager",)},
    "project manager": {"roles": ("Project Manager",)},
    "topcoder project manager": {"roles": ("Topcoder Project Manager",)},
    "read": {"scopes": ("read:billing-account",)},
    "create": {"scopes": ("create:billing-account",)},
    "update": {"scopes": ("update:billing-account",)},
    "all": {"scopes": ("all:billing-account",)},
    "other scope": {"scopes": ("all:client",)},
    "somebody": {"roles": ("connect user",)},
}
READERS = {
    "administrator",
    "copilot",
    "bookingmanager",
    "talent manager",
    "topcoder talent manager",
    "project manager",
    "topcoder project manager",
    "read",
    "all",
}
MANAGERS = {"administrator", "talent manager", "topcoder talent manager"}
REQUESTS: dict[str, tuple[set[str], Callable[[Caller, str], Any]]] = {
    "list": (READERS, lambda caller, _: caller.get(ACCOUNTS)),
    "get": (READERS, lambda caller, path: caller.get(path)),
    "entries": (READERS, lambda caller, path: caller.get(f"{path}/entries")),
    "users": (READERS, lambda caller, path: caller.get(f"{path}/users")),
    "access": (READERS, lambda caller, path: caller.get(f"{path}/users/7/access")),
    "of user": (
        {"administrator", "copilot", "bookingmanager", "read", "all"},
        lambda caller, _: caller.get(f"{ACCOUNTS}/users/7"),
    ),
    "create": ({*MANAGERS, "create", "all"}, lambda caller, _: caller.post(ACCOUNTS, {})),
    "update": ({*MANAGERS, "update", "all"}, lambda caller, path: caller.patch(path, {})),
    "grant": ({*MANAGERS, "create", "all"}, lambda caller, path: caller.post(f"{path}/users", {})),
    "revoke": ({*MANAGERS, "create", "all"}, lambda caller, path: caller.delete(f"{path}/users/nobody")),
    "lock": ({"administrator", "update", "all"}, lambda caller, path: caller.patch(f"{path}/lock-amount", {})),
    "consume": ({"administrator", "update", "all"}, lambda caller, path: caller.patch(f"{path}/consume-amount", {})),
    "consume many": (
        {"administrator", "update", "all"},
        lambda caller, _: caller.post(f"{ACCOUNTS}/consume-amounts", {}),
    ),
}


@pytest.fixture
def call_as(as_caller: Any) -> Callable[..., Caller]:
    return lambda name, user="7": as_caller(user=user, **CALLERS[name])


@pytest.mark.parametrize("name", CALLERS)
def test_roles_and_scopes_open_account_operations(admin: Caller, call_as: Any, path: str, name: str) -> None:
    """Bodies are empty: whoever is let in is told what is missing."""
    data(admin.post(f"{path}/users", {"userId": "7"}), 201)
    let_in = {request for request, (_, call) in REQUESTS.items() if call(call_as(name), path).status_code != 403}
    assert let_in == {request for request, (allowed, _) in REQUESTS.items() if name in allowed}


def test_nobody_is_let_in_without_a_token(app: Any, path: str) -> None:
    for _, call in REQUESTS.values():
        error(call(Caller(app, None), path), 401, "unauthorized")


class TestProjectManager:
    @pytest.fixture(params=["project manager", "topcoder project manager"])
    def manager(self, request: pytest.FixtureRequest, call_as: Any) -> Caller:
        made: Caller = call_as(request.param)
        return made

    def test_project_manager_sees_no_account_without_a_grant(self, manager: Caller, path: str) -> None:
        assert data(manager.get(ACCOUNTS))["count"] == 0
        for part in ("", "/entries", "/users", "/users/7/access"):
            error(manager.get(f"{path}{part}"), 404, "not_found")

    def test_project_manager_sees_a_granted_account(
        self, admin: Caller, manager: Caller, path: str, open_account: Open
    ) -> None:
        open_account(name="Somebody else's")
        data(admin.post(f"{path}/users", {"userId": "7"}), 201)
        assert [row["name"] for row in data(manager.get(ACCOUNTS))["results"]] == ["Acme 2025"]
        assert data(manager.get(path))["markup"] == Decimal("0.2")
        assert data(manager.get(f"{path}/users/7/access")) == {"hasAccess": True}
        data(admin.delete(f"{path}/users/7"))
        error(manager.get(path), 404, "not_found")

    def test_filters_do_not_widen_what_is_seen(self, admin: Caller, manager: Caller, path: str) -> None:
        data(admin.post(f"{path}/users", {"userId": "8"}), 201)
        assert data(manager.get(f"{ACCOUNTS}?userId=8"))["count"] == 0

    def test_a_wider_role_beside_it_sees_all(self, as_caller: Any, path: str) -> None:
        data(as_caller(roles=("project manager", "talent manager")).get(path))
        data(as_caller(roles=("project manager",), scopes=("read:billing-account",)).get(path))


class TestCopilot:
    @pytest.fixture(params=["copilot", "bookingmanager"])
    def copilot(self, request: pytest.FixtureRequest, call_as: Any) -> Caller:
        made: Caller = call_as(request.param)
        return made

    @pytest.mark.parametrize(
        ("markup", "remaining", "line"),
        [
            (0, "89.99", "10.01"),
            ("0.25", "67.49", "8.01"),
            (1, 0, "5.01"),
            (25, "67.49", "8.01"),
            ("0.5", "45", "6.67"),
        ],
    )
    def test_amounts_are_as_they_reach_members(
        self, admin: Caller, copilot: Caller, open_account: Open, markup: Any, remaining: Any, line: str
    ) -> None:
        path = f"{ACCOUNTS}/{open_account(markup=markup)}"
        data(admin.patch(f"{path}/lock-amount", {"challengeId": "c1", "amount": "10.01"}))
        account = data(copilot.get(path))
        assert account["memberPaymentsRemaining"] == Decimal(remaining)
        assert account["lockedAmounts"][0]["memberPaymentAmount"] == Decimal(line)
        assert account["lockedAmounts"][0]["amount"] == Decimal("10.01")
        assert data(copilot.get(f"{path}/entries"))["results"][0]["memberPaymentAmount"] == Decimal(line)
        row = data(copilot.get(ACCOUNTS))["results"][0]
        assert row["memberPaymentsRemaining"] == Decimal(remaining)
        assert "markup" not in account
        assert "markup" not in row

    def test_a_payment_carries_no_markup(self, app: Flask, admin: Caller, copilot: Caller, open_account: Open) -> None:
        account_id = open_account(markup="0.25", budget=5000)
        path = f"{ACCOUNTS}/{account_id}"
        data(admin.patch(f"{path}/lock-amount", {"challengeId": "c1", "amount": 1000}))
        data(admin.patch(f"{path}/consume-amount", {"externalType": "ENGAGEMENT", "externalId": "e1", "amount": 1000}))
        with app.app_context(), transaction():
            budgets = Budgets(ExternalType.WORK_PERIOD_PAYMENT, [account_id])
            budgets.move("p1", None, Line(account_id, Kind.LOCKED, Decimal("1000.0125")))
            budgets.move("p2", None, Line(account_id, Kind.CONSUMED, Decimal(1000)))
            budgets.write()
        expected = {"c1": 800, "e1": 800, "p1": Decimal("1000.0125"), "p2": 1000}
        account, entries = data(copilot.get(path)), data(copilot.get(f"{path}/entries"))["results"]
        for lines in ([*account["lockedAmounts"], *account["consumedAmounts"]], entries):
            assert {line["externalId"]: line["memberPaymentAmount"] for line in lines} == expected

    @pytest.mark.parametrize(
        "others",
        [{"roles": ("copilot", "administrator")}, {"roles": ("copilot",), "scopes": ("read:billing-account",)}],
    )
    def test_another_read_role_shows_the_markup(self, as_caller: Any, path: str, others: Any) -> None:
        account = data(as_caller(**others).get(path))
        assert account["markup"] == Decimal("0.2")
        assert "memberPaymentsRemaining" not in account

    def test_other_callers_see_no_member_amounts(self, admin: Caller, path: str) -> None:
        data(admin.patch(f"{path}/lock-amount", {"challengeId": "c1", "amount": 1}))
        account = data(admin.get(path))
        assert "memberPaymentsRemaining" not in account
        assert "memberPaymentAmount" not in account["lockedAmounts"][0]
