"""The sign of an amount counts before it is rounded, on every amount field of billing accounts."""

from typing import Any

import pytest

from tests.billing_accounts.conftest import totals
from tests.caller import ACCOUNTS, Caller, data, error

# Each would round to 0.
NEGATIVE = ["-0.00001", "-0.00004999", -0.00001, -1e-9, "-0.0000000000000000000001"]


@pytest.fixture
def locked(admin: Caller, path: str) -> str:
    """The account, with 5 locked for c1."""
    data(admin.patch(f"{path}/lock-amount", {"challengeId": "c1", "amount": 5}))
    return path


@pytest.mark.parametrize("amount", NEGATIVE)
def test_a_negative_amount_never_unlocks_or_consumes(admin: Caller, locked: str, amount: Any) -> None:
    charge = {"billingAccountId": int(locked.rpartition("/")[2]), "externalId": "e1", "amount": amount}
    for answer in (
        admin.patch(f"{locked}/lock-amount", {"challengeId": "c1", "amount": amount}),
        admin.patch(f"{locked}/consume-amount", {"challengeId": "c1", "amount": amount}),
        admin.patch(f"{locked}/consume-amount", {"externalType": "ENGAGEMENT", "externalId": "e1", "amount": amount}),
        admin.post(f"{ACCOUNTS}/consume-amounts", {"consumes": [charge]}),
    ):
        assert "amount" in str(error(answer, 400, "invalid_input")["details"])
    assert totals(admin, locked) == (5, 0)


@pytest.mark.parametrize("amount", NEGATIVE)
@pytest.mark.parametrize("field", ["budget", "markup", "salesTax"])
def test_no_amount_of_an_account_may_be_negative(
    admin: Caller, client_id: str, path: str, field: str, amount: Any
) -> None:
    account = {"name": "Acme", "budget": 1, "markup": 0, "clientId": client_id}
    for answer in (admin.post(ACCOUNTS, {**account, field: amount}), admin.patch(path, {field: amount})):
        assert field in error(answer, 400, "invalid_input")["details"]["json"]


def test_zero_has_no_sign(admin: Caller, locked: str) -> None:
    for zero in (0, "-0", "-0.00", -0.0):
        assert data(admin.patch(f"{locked}/lock-amount", {"challengeId": "c1", "amount": zero})) == {"unlocked": True}


@pytest.mark.parametrize(("available", "requested"), [("100", "100.0001"), ("100", "12345678.5")])
def test_a_refusal_says_both_numbers(admin: Caller, path: str, available: str, requested: str) -> None:
    body = {"challengeId": "c1", "amount": requested}
    for part in ("lock-amount", "consume-amount"):
        message = error(admin.patch(f"{path}/{part}", body), 400, "insufficient_funds")["message"]
        assert message.endswith(f" has {available} available, {requested} was requested")
