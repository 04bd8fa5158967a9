"""Statements about the accounts of all customers. Their tenant is the desk."""

from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    all_,
    and_,
    any_,
    bindparam,
    cast,
    exists,
    func,
    select,
    union,
)

from app.credits.models import CreditBalance
from app.credits.plan_models import Plan
from app.credits.queries import plan_id
from app.customers.models import AccountMember, CustomerAccount, DirectoryEntry, DirectoryKind
from app.db.columns import columns_of
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.paging import ListQuery

# Folded by the database, as the words of the directory are.
PATTERNS = func.string_to_array(func.fold_text(cast(bindparam("patterns"), Text)), "\n")
HAS_WORDS: ColumnElement[bool] = DirectoryEntry.words.like(all_(PATTERNS))
_FOUND = union(
    select(DirectoryEntry.account_id).where(HAS_WORDS), select(cast(bindparam("number"), CustomerAccount.id.type))
)

_IS_ACCOUNT = CustomerAccount.id == bindparam("account_id")
_ACCOUNTS: Select[*tuple[Any, ...]] = (
    select(
        *columns_of(CustomerAccount, but={"updated_at"}),
        CustomerAccount.id.label("account_id"),
        CustomerAccount.name.label("account_name"),
        Plan.name.label("plan"),
        CreditBalance.credits.label("credit_balance"),
        CreditBalance.held.label("credits_held"),
        CreditBalance.frozen.label("credits_frozen"),
        (CreditBalance.credits - CreditBalance.held - CreditBalance.frozen).label("credits_available"),
        CreditBalance.debt,
        CreditBalance.due_at,
    )
    .join(CreditBalance, CreditBalance.account_id == CustomerAccount.id)
    .join(Plan, Plan.id == plan_id())
)
ACCOUNTS = ListQuery(
    rows=_ACCOUNTS,
    key=CustomerAccount.id,
    filters={
        # As an array it is known before the accounts are read, by their key.
        "search": CustomerAccount.id == any_(func.array(_FOUND.scalar_subquery())),
        "status": CustomerAccount.status == bindparam("status"),
        "plan": exists().where(
            CreditBalance.account_id == CustomerAccount.id,
            Plan.id == plan_id(),
            Plan.name == bindparam("plan"),
        ),
    },
    sorts={"created": CustomerAccount.created_at, "balance": CreditBalance.credits},
    sort_sources={
        "balance": CustomerAccount.__table__.join(
            CreditBalance.__table__, CreditBalance.account_id == CustomerAccount.id
        )
    },
    default_sort="created",
)
ACCOUNT: AnyPrepared = Prepared(_ACCOUNTS.where(_IS_ACCOUNT))
NAME = Prepared(select(CustomerAccount.name).where(_IS_ACCOUNT))
DUE_ACCOUNTS = Prepared(
    select(CreditBalance.account_id).where(CreditBalance.due_at <= bindparam("now")).order_by(CreditBalance.account_id)
)

_MEMBERSHIPS: Select[*tuple[Any, ...]] = select(
    CustomerAccount.id,
    CustomerAccount.name,
    CustomerAccount.id.label("account_id"),
    CustomerAccount.name.label("account_name"),
    AccountMember.role,
).join(AccountMember, AccountMember.account_id == CustomerAccount.id)
ACCOUNTS_OF_USER = ListQuery(
    rows=_MEMBERSHIPS,
    key=AccountMember.id,
    filters={"user_id": AccountMember.user_id == bindparam("user_id")},
    sorts={"date_joined": AccountMember.date_joined},
    default_sort="date_joined",
    default_order="asc",
)
_NAMED = select(DirectoryEntry.object_id).where(HAS_WORDS, DirectoryEntry.kind == DirectoryKind.MEMBER)
# By the directory: an index on the address itself would serve no condition on it.
ACCOUNTS_OF_EMAIL = replace(
    ACCOUNTS_OF_USER,
    filters={
        "email": and_(
            AccountMember.id == any_(func.array(_NAMED.scalar_subquery())),
            AccountMember.user_id.is_not(None),
            func.lower(AccountMember.email.collate("C")) == bindparam("email"),
        )
    },
)
