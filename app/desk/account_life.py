"""The life of a customer account: suspended, resumed, closed, erased, and put on plans."""

from collections.abc import Mapping
from typing import Any

from app import origin
from app.api_keys import service as api_keys
from app.audit import erasure
from app.audit.models import ObjectType
from app.audit.recording import record
from app.credits import plans
from app.credits.ledger import erasing as credit_erasing
from app.credits.ledger import grants, holding
from app.credits.ledger.planning import Starts
from app.customers import erasing, states
from app.customers.models import AccountStatus
from app.desk import accounts
from app.desk.accounts import Account
from app.errors import Conflict, Reason
from app.idempotency import store
from app.purchases import payments, retention


def suspend(account: Account, reason: str) -> dict[str, Any]:
    """Suspend an active account. Raises Forbidden if it is closed, and Conflict if it is not active."""
    return _change(account, reason, AccountStatus.ACTIVE, AccountStatus.SUSPENDED)


def resume(account: Account, reason: str) -> dict[str, Any]:
    """Make a suspended account active. Raises Forbidden if it is closed, and Conflict if not suspended."""
    return _change(account, reason, AccountStatus.SUSPENDED, AccountStatus.ACTIVE)


def close(account: Account, reason: str) -> dict[str, Any]:
    """Close an account for good.

    Raises Forbidden if it is closed, and Conflict while holds, payments or disputes of it are open.
    """
    return _change(account, reason, None, AccountStatus.CLOSED)


def erase(account: Account, reason: str) -> dict[str, Any]:
    """Erase what a closed account says about people; its books stay. Raises Conflict if it is not closed."""
    erasing.erase(account.id)
    credit_erasing.erase(account.id)
    retention.forget_payers(account.id)
    api_keys.erase(account.id)
    store.forget(account.id)
    with origin.because(reason):
        erasure.erase_account(account.id)
    return accounts.get(account)


def put_on_plan(account: Account, values: Mapping[str, Any]) -> dict[str, Any]:
    """Assign a plan to an account. Raises Forbidden if it is closed, and Invalid for an unknown plan."""
    with origin.because(values["reason"]):
        plans.assign(account.id, values["plan"], Starts(values["starts"]))
    return accounts.get(account)


def _change(account: Account, reason: str, before: AccountStatus | None, after: AccountStatus) -> dict[str, Any]:
    account_id = account.id
    known = states.lock(account_id).status
    if before not in {None, known}:
        raise Conflict(f"Account {account_id} is {known}, not {before}")
    # With the lock of the balance, what fell due before is posted by the status before.
    grants.catch_up([account_id])
    if after == AccountStatus.CLOSED:
        _require_idle(account_id)
    states.set_status(account_id, after)
    with origin.because(reason):
        record(
            ObjectType.CUSTOMER_ACCOUNT,
            account_id,
            before={"status": known},
            after={"status": after},
            account_id=account_id,
        )
    return accounts.get(account)


def _require_idle(account_id: int) -> None:
    """Raise Conflict while something of the account is open. The locks of account and balance are held."""
    open_ones = {"holds": holding.count_open(account_id), **payments.count_open(account_id)}
    if any(open_ones.values()):
        named = ", ".join(f"{number} {what}" for what, number in open_ones.items() if number)
        raise Conflict(
            f"Account {account_id} cannot be closed while something of it is open: {named}",
            reason=Reason.ACCOUNT_BUSY,
            details=open_ones,
        )
