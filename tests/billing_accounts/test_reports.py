"""`/v6/reports`: which billing accounts run out."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from freezegun import freeze_time

from app.clock import at, utc_now
from tests.caller import ACCOUNTS, Caller, data, error
from tests.factories.accounts import create_account, create_client
from tests.factories.exports import records

REPORT = "/v6/reports/budgets"


def consume(staff: Caller, account_id: int, amount: str, engagement: str = "e-1") -> None:
    body = {"externalId": engagement, "externalType": "ENGAGEMENT", "amount": Decimal(amount)}
    data(staff.patch(f"{ACCOUNTS}/{account_id}/consume-amount", body))


def listed(staff: Caller, query: str = "") -> list[dict[str, Any]]:
    return list(data(staff.get(f"{REPORT}?{query}"))["results"])


@pytest.mark.parametrize(("roles", "scopes"), [((), ()), (("copilot",), ()), ((), ("update:billing-account",))])
def test_only_administrators_and_readers_may(
    as_caller: Callable[..., Caller], roles: tuple[str, ...], scopes: tuple[str, ...]
) -> None:
    error(as_caller(roles=roles, scopes=scopes).get(REPORT), 403, "forbidden")


def test_accounts_that_run_out_are_listed_the_least_share_first(admin: Caller) -> None:
    client_id = create_client(admin)
    plenty, little, less = (create_account(admin, client_id, name=name) for name in "abc")
    create_account(admin, client_id, budget=0, name="of nothing")
    for account_id, amount in ((plenty, "10"), (little, "80"), (less, "95")):
        consume(admin, account_id, amount)
    assert [(each["id"], each["share"]) for each in listed(admin)] == [
        (less, Decimal("0.05")),
        (little, Decimal("0.2")),
    ]
    assert [each["id"] for each in listed(admin, "maxShare=1")] == [less, little, plenty]
    assert [row["id"] for row in records(admin, REPORT)] == [str(less), str(little)]
    data(admin.patch(f"{ACCOUNTS}/{less}", {"status": "INACTIVE"}))
    assert [each["id"] for each in listed(admin)] == [little]
    error(admin.get(f"{REPORT}?maxShare=2"), 400, "invalid_input")


def test_the_rest_lasts_at_the_rate_of_the_last_30_days(admin: Caller) -> None:
    with at(utc_now() - timedelta(days=40)):
        account_id = create_account(admin, create_client(admin), budget=1000)
        consume(admin, account_id, "500")
    (found,) = listed(admin, "maxShare=1")
    assert (found["consumedPerDay"], found["daysLeft"]) == (0, None)
    consume(admin, account_id, "450", "e-2")
    (found,) = listed(admin)
    # 450 in 30 days are 15 a day, and 50 remain.
    assert (found["consumedPerDay"], found["daysLeft"], found["totalBudgetRemaining"]) == (15, 3, 50)
    consume(admin, account_id, "50", "e-3")
    assert listed(admin)[0]["daysLeft"] == 0


def test_a_lock_that_expired_counts_no_more(admin: Caller) -> None:
    account_id = create_account(admin, create_client(admin))
    lock = {"externalId": "c-1", "externalType": "CHALLENGE", "amount": 90, "expiresIn": 60}
    data(admin.patch(f"{ACCOUNTS}/{account_id}/lock-amount", lock))
    assert [each["share"] for each in listed(admin)] == [Decimal("0.1")]
    with freeze_time(utc_now() + timedelta(seconds=61)):
        assert listed(admin) == []
