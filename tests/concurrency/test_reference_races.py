"""Two operations on one challenge at the same time, the second waiting for the first."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.billing_accounts import audit
from app.billing_accounts.ledger import single
from app.billing_accounts.ledger.single import Reference
from app.billing_accounts.models import ExternalType
from app.db.base import db
from tests.caller import Caller, data

CHALLENGE = Reference(ExternalType.CHALLENGE, "c1")


@pytest.fixture(autouse=True)
def _inside_the_application(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.mark.parametrize(
    ("call", "amount", "totals"),
    [
        ("lock-amount", 7, (7, 0)),
        ("lock-amount", 0, (0, 0)),
        ("consume-amount", 3, (0, 3)),
        ("consume-amount", 100, (0, 100)),
    ],
)
def test_what_waits_for_a_lock_counts_from_it(
    admin: Caller, account_id: int, until_waiting: Callable[[int], None], call: str, amount: int, totals: Any
) -> None:
    path = f"/v6/billing-accounts/{account_id}"
    data(admin.patch(f"{path}/lock-amount", {"challengeId": "c1", "amount": 1}))
    with ThreadPoolExecutor(1) as pool:
        single.lock(account_id, CHALLENGE, Decimal(5))
        second = pool.submit(admin.patch, f"{path}/{call}", {"challengeId": "c1", "amount": amount})
        until_waiting(1)
        db.session.commit()
        data(second.result())
    account = data(admin.get(path))
    assert (account["lockedBudget"], account["consumedBudget"]) == totals
    assert list(audit.differences()) == []


@pytest.mark.parametrize("total", ["locked", "consumed"])
def test_no_statement_can_leave_a_negative_total(account_id: int, total: str) -> None:
    statement = text(f"UPDATE budgets SET {total} = -0.0001 WHERE billing_account_id = :account_id")
    with pytest.raises(IntegrityError, match=f"ck_budgets_{total}"):
        db.session.execute(statement, {"account_id": account_id})
    db.session.rollback()
