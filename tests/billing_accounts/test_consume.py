from decimal import Decimal
from typing import Any

import pytest

from tests.billing_accounts.conftest import totals
from tests.caller import ACCOUNTS, Caller, data, error

ENGAGEMENT = {"externalId": "e1", "externalType": "ENGAGEMENT"}


def consume(caller: Caller, path: str, amount: Any, **reference: Any) -> Any:
    return caller.patch(f"{path}/consume-amount", {**(reference or {"challengeId": "c1"}), "amount": amount})


def lock(caller: Caller, path: str, amount: Any) -> Any:
    return data(caller.patch(f"{path}/lock-amount", {"challengeId": "c1", "amount": amount}))


def test_an_unknown_account_is_not_found(admin: Caller) -> None:
    error(consume(admin, f"{ACCOUNTS}/7", 1), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"challengeId": "c1", "amount": 0}, "amount"),
        ({"challengeId": "c1", "amount": "0.00004"}, "amount"),
        ({"challengeId": "c1", "amount": -1}, "amount"),
        ({"amount": 1}, "challengeId"),
        ({"challengeId": "c1", "externalType": "ENGAGEMENT", "amount": 1}, "externalType"),
        ({"externalId": "x", "externalType": None, "amount": 1}, "externalType"),
    ],
)
def test_what_cannot_be_consumed_is_named(admin: Caller, path: str, body: dict[str, Any], field: str) -> None:
    assert field in error(admin.patch(f"{path}/consume-amount", body), 400, "invalid_input")["details"]["json"]
    assert totals(admin, path) == (0, 0)


@pytest.mark.parametrize("amount", [40, 60, 100])
def test_consuming_a_challenge_ends_its_lock(admin: Caller, path: str, amount: int) -> None:
    held = lock(admin, path, 60)
    spent = data(consume(admin, path, amount))
    assert spent["id"] == held["id"]
    account = data(admin.get(path))
    assert account["lockedAmounts"] == []
    assert account["consumedAmounts"] == [spent]
    assert totals(admin, path) == (0, amount)


def test_consuming_a_challenge_again_replaces_what_it_spent(admin: Caller, path: str) -> None:
    data(consume(admin, path, 30))
    data(consume(admin, path, 100))
    data(consume(admin, path, "20.25"))
    assert totals(admin, path) == (0, Decimal("20.25"))


def test_an_engagement_spends_each_time(admin: Caller, path: str) -> None:
    first = data(consume(admin, path, 30, **ENGAGEMENT, externalName="Data engineer"))
    second = data(consume(admin, path, 30, **ENGAGEMENT))
    assert first["id"] != second["id"]
    assert (first["challengeId"], first["externalName"]) == (None, "Data engineer")
    assert totals(admin, path) == (0, 60)


def test_an_engagement_and_a_challenge_of_one_name_are_two(admin: Caller, path: str) -> None:
    data(consume(admin, path, 30, externalId="x", externalType="ENGAGEMENT"))
    data(consume(admin, path, 20, externalId="x", externalType="CHALLENGE"))
    assert totals(admin, path) == (0, 50)


def test_no_more_than_the_budget_can_be_spent(admin: Caller, path: str) -> None:
    lock(admin, path, 60)
    problem = error(consume(admin, path, 101), 400, "insufficient_funds")
    assert problem["details"] == {"available": 100, "requested": 101}
    problem = error(consume(admin, path, 41, **ENGAGEMENT), 400, "insufficient_funds")
    assert problem["details"] == {"available": 40, "requested": 41}
    assert totals(admin, path) == (60, 0)
    assert data(admin.get(path))["consumedAmounts"] == []


def test_an_inactive_account_lets_a_lock_become_at_most_as_much(admin: Caller, path: str) -> None:
    lock(admin, path, 60)
    data(admin.patch(path, {"status": "INACTIVE"}))
    error(consume(admin, path, 61), 409, "account_inactive")
    error(consume(admin, path, 1, **ENGAGEMENT), 409, "account_inactive")
    data(consume(admin, path, 60))
    data(consume(admin, path, 10))
    assert totals(admin, path) == (0, 10)


def test_an_overspent_account_lets_a_lock_become_at_most_as_much(admin: Caller, overspent: str) -> None:
    error(consume(admin, overspent, 61), 400, "insufficient_funds")
    data(consume(admin, overspent, 60))
    data(consume(admin, overspent, 70, challengeId="c2"))
    assert totals(admin, overspent) == (0, 130)


class TestMany:
    URL = f"{ACCOUNTS}/consume-amounts"

    @pytest.mark.parametrize(
        "body",
        [
            {},
            [],
            {"consumes": []},
            {"consumes": {}},
            {"consumes": [7]},
            {"consumes": [{"externalId": "e", "amount": 1}]},
            {"consumes": [{"billingAccountId": "1", "externalId": "e", "amount": 1}]},
            {"consumes": [{"billingAccountId": 1, "externalId": "e", "amount": 0}]},
            {"consumes": [{"billingAccountId": 1, "externalId": "e", "externalType": "CHALLENGE", "amount": 1}]},
            {"consumes": [{"billingAccountId": 1, "externalId": "e", "amount": 1}] * 1001},
        ],
    )
    def test_what_is_no_list_of_charges_is_refused(self, admin: Caller, body: Any) -> None:
        error(admin.post(self.URL, body), 400, "invalid_input")

    def test_batch_consume_spends_every_charge(
        self, admin: Caller, path: str, account_id: int, open_account: Any
    ) -> None:
        other = open_account()
        charges = [(account_id, "1.5"), (other, 100), (account_id, 2)]
        consumes = [{"billingAccountId": account, "externalId": "e", "amount": amount} for account, amount in charges]
        assert data(admin.post(self.URL, {"consumes": consumes})) == {"count": 3}
        assert totals(admin, path) == (0, Decimal("3.5"))
        assert totals(admin, f"{ACCOUNTS}/{other}") == (0, 100)
        lines = data(admin.get(path))["consumedAmounts"]
        assert [(line["externalType"], line["amount"]) for line in lines] == [
            ("ENGAGEMENT", Decimal("1.5")),
            ("ENGAGEMENT", 2),
        ]

    @pytest.mark.parametrize(
        ("spoiler", "status", "reason", "facts"),
        [
            ({"amount": 41}, 400, "insufficient_funds", {"available": 40, "requested": 41}),
            ({"billingAccountId": 2_000_000}, 404, "not_found", {}),
        ],
    )
    def test_batch_consume_spends_nothing_when_one_charge_fails(
        self, admin: Caller, path: str, account_id: int, spoiler: Any, status: int, reason: str, facts: Any
    ) -> None:
        good = {"billingAccountId": account_id, "externalId": "e", "amount": 60}
        body = {"consumes": [good, {**good, "amount": 1, **spoiler}]}
        assert error(admin.post(self.URL, body), status, reason)["details"] == {**facts, "index": 1}
        assert totals(admin, path) == (0, 0)

    def test_batch_consume_stops_at_an_inactive_account(
        self, admin: Caller, path: str, account_id: int, open_account: Any
    ) -> None:
        other = open_account(status="INACTIVE")
        consumes = [{"billingAccountId": account, "externalId": "e", "amount": 1} for account in (account_id, other)]
        assert error(admin.post(self.URL, {"consumes": consumes}), 409, "account_inactive")["details"] == {"index": 1}
        assert totals(admin, path) == (0, 0)
