from decimal import Decimal
from typing import Any

import pytest

from tests.billing_accounts.conftest import totals
from tests.caller import ACCOUNTS, Caller, data, error


def lock(caller: Caller, path: str, challenge: str, amount: Any, **more: Any) -> Any:
    return caller.patch(f"{path}/lock-amount", {"challengeId": challenge, "amount": amount, **more})


def test_an_unknown_account_is_not_found(admin: Caller) -> None:
    error(lock(admin, f"{ACCOUNTS}/7", "c1", 1), 404, "not_found")
    error(lock(admin, f"{ACCOUNTS}/7", "c1", 0), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": 1}, "challengeId"),
        ({"challengeId": "c1"}, "amount"),
        ({"challengeId": "c1", "amount": None}, "amount"),
        ({"challengeId": "c1", "amount": True}, "amount"),
        ({"challengeId": "c1", "amount": "ten"}, "amount"),
        ({"challengeId": "c1", "amount": -1}, "amount"),
        ({"challengeId": "c1", "amount": 0.00001}, "amount"),
        ({"challengeId": "c1", "amount": 100_000_000_000}, "amount"),
        ({"challengeId": " ", "amount": 1}, "challengeId"),
        ({"challengeId": 7, "amount": 1}, "challengeId"),
        ({"challengeId": "c1", "externalId": "c2", "amount": 1}, "challengeId"),
        ({"externalId": "e1", "externalType": "ENGAGEMENT", "amount": 1}, "externalType"),
        ({"externalId": "e1", "externalType": "OTHER", "amount": 1}, "externalType"),
        ({"challengeId": "c1", "amount": 1, "note": "x"}, "note"),
    ],
)
def test_what_cannot_be_locked_is_named(admin: Caller, path: str, body: dict[str, Any], field: str) -> None:
    problem = error(admin.patch(f"{path}/lock-amount", body), 400, "invalid_input")
    assert field in problem["details"]["json"]
    assert totals(admin, path) == (0, 0)


def test_a_lock_is_a_line_of_the_account(admin: Caller, path: str) -> None:
    line = data(lock(admin, path, "c1", 12.5, externalName="Logo contest"))
    assert {name: line[name] for name in line.keys() - {"id", "date"}} == {
        "createdAt": line["date"],
        "consumedAt": None,
        "expiresAt": None,
        "amount": Decimal("12.5"),
        "externalId": "c1",
        "externalType": "CHALLENGE",
        "externalName": "Logo contest",
        "challengeId": "c1",
    }
    account = data(admin.get(path))
    assert account["lockedAmounts"] == [line]
    assert (account["lockedBudget"], account["totalBudgetRemaining"]) == (Decimal("12.5"), Decimal("87.5"))


@pytest.mark.parametrize(
    "body",
    [
        {"externalId": "c1"},
        {"externalId": "c1", "externalType": "CHALLENGE"},
        {"challengeId": "c1", "externalId": "c1"},
    ],
)
def test_a_reference_has_two_names(admin: Caller, path: str, body: dict[str, str]) -> None:
    data(lock(admin, path, "c1", 1))
    data(admin.patch(f"{path}/lock-amount", {**body, "amount": 5}))
    assert totals(admin, path) == (5, 0)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (0.1 + 0.2, "0.3"),
        ("33.333333333333336", "33.3333"),
        ("0.00005", "0.0001"),
        (1.00005, "1.0001"),
        ("99.99995", "100"),
    ],
)
def test_amounts_are_rounded_half_up_to_four_decimals(admin: Caller, path: str, sent: Any, kept: str) -> None:
    assert data(lock(admin, path, "c1", sent))["amount"] == Decimal(kept)
    assert totals(admin, path)[0] == Decimal(kept)


def test_a_lock_replaces_the_one_before(admin: Caller, path: str) -> None:
    first = data(lock(admin, path, "c1", 60, externalName="Logo contest"))
    second = data(lock(admin, path, "c1", 100))
    assert (second["id"], second["externalName"]) == (first["id"], "Logo contest")
    assert totals(admin, path) == (100, 0)


def test_the_whole_budget_can_be_locked_and_no_more(admin: Caller, path: str) -> None:
    data(lock(admin, path, "c1", 60))
    problem = error(lock(admin, path, "c2", "40.0001"), 400, "insufficient_funds")
    assert problem["details"] == {"available": 40, "requested": Decimal("40.0001")}
    data(lock(admin, path, "c2", 40))
    assert totals(admin, path) == (100, 0)


def test_what_a_challenge_holds_is_available_to_it(admin: Caller, path: str) -> None:
    data(lock(admin, path, "c1", 60))
    problem = error(lock(admin, path, "c1", 101), 400, "insufficient_funds")
    assert problem["details"] == {"available": 100, "requested": 101}
    assert totals(admin, path) == (60, 0), "the lock before is untouched"


def test_zero_unlocks(admin: Caller, path: str) -> None:
    data(lock(admin, path, "c1", 60))
    assert data(lock(admin, path, "c1", 0)) == {"unlocked": True}
    assert totals(admin, path) == (0, 0)
    assert data(admin.get(path))["lockedAmounts"] == []
    assert data(lock(admin, path, "c1", 0)) == {"unlocked": True}, "there is nothing left to release"


def test_what_was_consumed_can_neither_be_locked_nor_unlocked(admin: Caller, path: str) -> None:
    data(admin.patch(f"{path}/consume-amount", {"challengeId": "c1", "amount": 5}))
    for amount in (1, 0):
        error(lock(admin, path, "c1", amount), 409, "already_consumed")
    assert totals(admin, path) == (0, 5)


def test_the_same_challenge_on_two_accounts_is_two_locks(admin: Caller, path: str, open_account: Any) -> None:
    other = f"{ACCOUNTS}/{open_account()}"
    data(lock(admin, path, "c1", 10))
    data(lock(admin, other, "c1", 20))
    assert (totals(admin, path), totals(admin, other)) == ((10, 0), (20, 0))


def test_an_inactive_account_refuses_only_what_raises_it(admin: Caller, path: str) -> None:
    data(lock(admin, path, "c1", 50))
    data(admin.patch(path, {"status": "INACTIVE"}))
    error(lock(admin, path, "c2", 1), 409, "account_inactive")
    error(lock(admin, path, "c1", 51), 409, "account_inactive")
    data(lock(admin, path, "c1", 50))
    data(lock(admin, path, "c1", 20))
    assert data(lock(admin, path, "c1", 0)) == {"unlocked": True}
    assert totals(admin, path) == (0, 0)


def test_an_overspent_account_takes_what_does_not_raise_it(admin: Caller, overspent: str) -> None:
    problem = error(lock(admin, overspent, "c3", 1), 400, "insufficient_funds")
    assert problem["details"] == {"available": 0, "requested": 1}
    problem = error(lock(admin, overspent, "c1", 61), 400, "insufficient_funds")
    assert problem["details"] == {"available": 60, "requested": 61}
    data(lock(admin, overspent, "c1", 60))
    data(lock(admin, overspent, "c1", 59))
    assert data(lock(admin, overspent, "c1", 0)) == {"unlocked": True}
    assert totals(admin, overspent) == (0, 80)
