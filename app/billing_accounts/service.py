"""What can be done with billing accounts, apart from their money (`ledger`) and their users (`grants`)."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from app.audit.models import ObjectType
from app.audit.recording import record, state_of
from app.auth.actor import Actor
from app.billing_accounts import queries, visibility
from app.billing_accounts.ledger import budgets
from app.billing_accounts.ledger.refusals import not_found
from app.billing_accounts.models import BillingAccount
from app.billing_accounts.visibility import Sight
from app.clients import service as clients
from app.clock import utc_now
from app.db import versions
from app.db.base import db
from app.db.paging import Page
from app.db.versions import Expected
from app.errors import Invalid

# What was changed here an import leaves alone.
_KEPT_FROM_IMPORTS = frozenset({"status", "markup"})


def search(actor: Actor, arguments: Mapping[str, Any], **scope: Any) -> Page:
    """One page of the accounts that match and that the caller may see."""
    sight = visibility.sight(actor)
    scope["now"] = utc_now()
    if sight.everything:
        return queries.LIST.page(arguments, **scope)
    if not sight.member_view:
        return queries.LIST.page(arguments, granted_to=sight.limit, **scope)
    if sight.granted_to is None:
        return queries.COPILOT_LIST.page(arguments, **scope)
    return queries.MIXED_LIST.page(arguments, viewer=sight.granted_to, **scope).shown(_shown)


def detail(actor: Actor, account_id: int) -> Row[Any]:
    """The account with its locked and consumed lines. Raises NotFound, also when the caller may not see it."""
    sight = visibility.sight(actor)
    if sight.limit is not None:
        as_stored, without_due = queries.GRANTED_DETAIL, queries.GRANTED_DETAIL_WITHOUT_DUE
    elif _shows_markup(sight, account_id):
        as_stored, without_due = queries.DETAIL, queries.DETAIL_WITHOUT_DUE
    else:
        as_stored, without_due = queries.COPILOT_DETAIL, queries.COPILOT_DETAIL_WITHOUT_DUE
    parameters = {"account_id": account_id, "granted_to": sight.limit, "now": utc_now()}
    account = db.session.execute(as_stored, parameters).one_or_none()
    if account is None:
        raise not_found(account_id)
    # Hardly ever, and the search for what is due would cost every reader.
    return db.session.execute(without_due, parameters).one() if account.is_due else account


def entries(actor: Actor, account_id: int, arguments: Mapping[str, Any]) -> Page:
    """One page of the account's lines. Raises NotFound, also when the caller may not see the account."""
    require_visible(actor, account_id)
    query = queries.ENTRIES if _shows_markup(visibility.sight(actor), account_id) else queries.COPILOT_ENTRIES
    return query.page(arguments, account_id=account_id, now=utc_now())


def create(actor: Actor, values: Mapping[str, Any]) -> Row[Any]:
    """A new account with its budget. Raises Invalid when the client is unknown."""
    clients.require(values["client_id"])
    own = {name: value for name, value in values.items() if name != "budget"}
    account = BillingAccount(created_by=actor.subject, **own)
    db.session.add(account)
    db.session.flush()
    record(ObjectType.BILLING_ACCOUNT, account.id, after=state_of(account))
    budgets.open_budget(account.id, values["budget"])
    return _read(account.id)


def update(account_id: int, changes: Mapping[str, Any], expected: Expected) -> Row[Any]:
    """Change the named fields.

    Raises NotFound, PreconditionFailed, Invalid (unknown client, end before start) or Conflict (budget below what is
    reserved).
    """
    account = db.session.get(BillingAccount, account_id, with_for_update={"key_share": True})
    if account is None:
        raise not_found(account_id)
    versions.require(account.version, expected)
    if "client_id" in changes:
        clients.require(changes["client_id"])
    before = state_of(account)
    # A budget is part of the account to its readers, though it is kept elsewhere.
    versions.touch(account)
    for name in _KEPT_FROM_IMPORTS & changes.keys():
        as_imported = f"{name}_as_imported"
        if getattr(account, as_imported) and getattr(account, name) != changes[name]:
            setattr(account, as_imported, False)
    for name, value in changes.items():
        if name != "budget":
            setattr(account, name, value)
    if account.start_date and account.end_date and account.start_date > account.end_date:
        raise Invalid.field(
            "startDate" if "start_date" in changes else "endDate", "startDate must not be after endDate."
        )
    db.session.flush()
    record(ObjectType.BILLING_ACCOUNT, account_id, before=before, after=state_of(account))
    if "budget" in changes:
        budgets.set_budget(account_id, changes["budget"])
    return _read(account_id)


def require(account_id: int) -> None:
    """Raise Invalid, naming `billingAccountId`, unless there is such an account."""
    if db.session.get(BillingAccount, account_id) is None:
        raise Invalid.field("billingAccountId", f"Billing account {account_id} does not exist.")


def require_visible(actor: Actor, account_id: int) -> None:
    """Raise NotFound unless there is such an account and the caller may see it."""
    if not _exists(account_id, visibility.sight(actor).limit):
        raise not_found(account_id)


def require_known(account_id: int) -> None:
    """Raise NotFound unless there is such an account."""
    if not _exists(account_id, None):
        raise not_found(account_id)


def _exists(account_id: int, granted_to: str | None) -> bool:
    """Whether there is such an account, granted to that user if one is named."""
    parameters = {"account_id": account_id, "granted_to": granted_to}
    return db.session.execute(queries.IS_VISIBLE, parameters).scalar_one()


def _shows_markup(sight: Sight, account_id: int) -> bool:
    """Whether the caller, who may see the account, sees its markup too."""
    if sight.everything or not sight.member_view:
        return True
    return sight.granted_to is not None and _exists(account_id, sight.granted_to)


def _shown(row: Row[Any]) -> dict[str, Any]:
    """A row of the mixed list, without what its viewer does not see of this account."""
    hidden = "markup" if row.markup is None else "member_payments_remaining"
    return {name: value for name, value in row._asdict().items() if name != hidden}


def _read(account_id: int) -> Row[Any]:
    return db.session.execute(queries.ACCOUNT, {"account_id": account_id, "now": utc_now()}).one()
