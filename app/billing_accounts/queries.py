"""Reading billing accounts: lists, details, and who may use them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Numeric,
    Select,
    SQLColumnExpression,
    and_,
    any_,
    bindparam,
    case,
    delete,
    exists,
    func,
    join,
    literal,
    literal_column,
    select,
    true,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from app.billing_accounts import due
from app.billing_accounts.due import Amounts
from app.billing_accounts.models import BillingAccount, BillingAccountAccess, Budget, BudgetLine, ExternalType, Kind
from app.billing_accounts.visibility import granted_to, visible_to
from app.clients.models import Client
from app.db import json_rows, row_counts
from app.db.columns import columns_of, list_of
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.json_rows import Json
from app.db.paging import ListQuery, contains, one_or_more

_CLIENT = {
    **{column.key: json_rows.member(column) for column in columns_of(Client, but={"version"})},
    "status": json_rows.word(Client.status),
}
# A markup above 1 counts as percent.
_RATE = case((BillingAccount.markup > 1, BillingAccount.markup / 100), else_=BillingAccount.markup)
# A payment is what its member gets: it carries no markup.
_MEMBER_AMOUNT = case(
    (BudgetLine.external_type == ExternalType.WORK_PERIOD_PAYMENT, BudgetLine.amount),
    # As a number of any scale: of a rate in percent no digit is to be lost.
    else_=func.round(BudgetLine.amount / type_coerce(1 + _RATE, Numeric()), 2),
)


def _member_remaining(of: Amounts) -> ColumnElement[Any]:
    """What a copilot sees instead of the markup: the amount as it reaches the members."""
    return func.round(of.remaining - of.remaining * _RATE, 2)


def _accounts(of: Amounts, *amounts: SQLColumnExpression[Any]) -> Select[*tuple[Any, ...]]:
    """What everybody sees of accounts, and `amounts`, which not everybody does."""
    return (
        select(
            *columns_of(BillingAccount, but={"version", "markup", "status_as_imported", "markup_as_imported"}),
            Budget.amount.label("budget"),
            of.locked.label("locked_budget"),
            Budget.consumed.label("consumed_budget"),
            of.remaining.label("total_budget_remaining"),
            json_rows.text(json_rows.json_object(_CLIENT)).label("client"),
            *amounts,
        )
        .join(Budget, Budget.billing_account_id == BillingAccount.id)
        .join(Client, Client.id == BillingAccount.client_id)
    )


def _full(of: Amounts) -> Select[*tuple[Any, ...]]:
    return _accounts(of, BillingAccount.markup)


def _copilot(of: Amounts) -> Select[*tuple[Any, ...]]:
    return _accounts(of, _member_remaining(of).label("member_payments_remaining"))


LIST = ListQuery(
    rows=_full(due.OF_EACH),
    key=BillingAccount.id,
    filters={
        **one_or_more("id", BillingAccount.id),
        "name": contains(BillingAccount.name, "name"),
        "client_id": BillingAccount.client_id == bindparam("client_id"),
        "user_id": granted_to(bindparam("user_id")),
        "granted_to": granted_to(bindparam("granted_to")),
        "status": BillingAccount.status == bindparam("status"),
        "start_date_from": BillingAccount.start_date >= bindparam("start_date_from"),
        "start_date_to": BillingAccount.start_date <= bindparam("start_date_to"),
        "end_date_from": BillingAccount.end_date >= bindparam("end_date_from"),
        "end_date_to": BillingAccount.end_date <= bindparam("end_date_to"),
    },
    sorts={
        "id": BillingAccount.id,
        "name": func.fold_text(BillingAccount.name),
        "status": BillingAccount.status,
        "start_date": BillingAccount.start_date,
        "end_date": BillingAccount.end_date,
        "created_at": BillingAccount.created_at,
        "created_by": BillingAccount.created_by,
        "remaining_budget": Budget.remaining,
    },
    sort_sources={"remaining_budget": join(Budget, BillingAccount, BillingAccount.id == Budget.billing_account_id)},
    default_sort="created_at",
    counts=row_counts.unfiltered(BillingAccount),
    only_shown=True,
)
COPILOT_LIST = replace(LIST, rows=_copilot(due.OF_EACH))
# For who sees accounts as a copilot does, but all of those granted to the user `viewer`. One of the two is NULL.
_Viewed = aliased(BillingAccountAccess, name="viewed")
MIXED_LIST = replace(
    LIST,
    rows=_accounts(
        due.OF_EACH,
        case((_Viewed.user_id.is_not(None), BillingAccount.markup)).label("markup"),
        case((_Viewed.user_id.is_(None), _member_remaining(due.OF_EACH))).label("member_payments_remaining"),
    ).outerjoin(_Viewed, and_(_Viewed.billing_account_id == BillingAccount.id, _Viewed.user_id == bindparam("viewer"))),
)

_JSON_LINE = {
    "id": json_rows.word(BudgetLine.id),
    "amount": json_rows.amount(BudgetLine.amount),
    "date": json_rows.time(BudgetLine.date),
    "created_at": json_rows.time(BudgetLine.created_at),
    "consumed_at": json_rows.or_null(json_rows.time(BudgetLine.consumed_at)),
    "expires_at": json_rows.or_null(json_rows.time(BudgetLine.expires_at)),
    "external_id": json_rows.value(BudgetLine.external_id),
    "external_type": json_rows.word(BudgetLine.external_type),
    "external_name": json_rows.value(BudgetLine.external_name),
    "challenge_id": (
        case(
            (
                BudgetLine.external_type == ExternalType.CHALLENGE,
                json_rows.text(json_rows.value(BudgetLine.external_id)),
            ),
            else_="null",
        ),
    ),
}
_COPILOT_JSON_LINE = {**_JSON_LINE, "member_payment_amount": json_rows.amount(_MEMBER_AMOUNT)}

_LINES = (
    select(
        *columns_of(BudgetLine, but={"billing_account_id", "as_imported"}),
        case((BudgetLine.external_type == ExternalType.CHALLENGE, BudgetLine.external_id)).label("challenge_id"),
    )
    .join(BillingAccount, BillingAccount.id == BudgetLine.billing_account_id)
    .where(BudgetLine.billing_account_id == bindparam("account_id"))
)
ENTRIES = ListQuery(
    rows=_LINES,
    key=BudgetLine.id,
    filters={
        "account_id": and_(BudgetLine.billing_account_id == bindparam("account_id"), due.STANDS),
        "kind": BudgetLine.kind == bindparam("kind"),
        "external_type": BudgetLine.external_type == bindparam("external_type"),
        "external_id": BudgetLine.external_id == bindparam("external_id"),
    },
    sorts={
        "date": BudgetLine.date,
        "amount": BudgetLine.amount,
        "kind": BudgetLine.kind,
        "external_type": BudgetLine.external_type,
        "external_id": BudgetLine.external_id,
    },
    default_sort="date",
    only_shown=True,
)
COPILOT_ENTRIES = replace(ENTRIES, rows=_LINES.add_columns(_MEMBER_AMOUNT.label("member_payment_amount")))

_USER = (
    BillingAccountAccess.user_id.label("id"),
    BillingAccountAccess.user_id,
    func.coalesce(BillingAccountAccess.user_handle, BillingAccountAccess.user_id).label("name"),
    literal("active").label("status"),
    BillingAccountAccess.created_at,
)
_OF_ACCOUNT = BillingAccountAccess.billing_account_id == bindparam("account_id")
_OF_USER = BillingAccountAccess.user_id == bindparam("user_id")
USERS = ListQuery(
    rows=select(*_USER).where(_OF_ACCOUNT),
    key=BillingAccountAccess.user_id,
    filters={"account_id": _OF_ACCOUNT},
    sorts={"created_at": BillingAccountAccess.created_at},
    default_sort="created_at",
)


def _lists(line: dict[str, Json], *conditions: ColumnElement[bool]) -> FromClause:
    """The locked and the consumed lines of an account that meet the conditions, as two JSON lists."""
    # One walk for both lists, in the order of an index: an account may have tens of thousands of lines. (With FILTER
    # they would be sorted once more.)
    lines = (
        select(
            BudgetLine.kind,
            BudgetLine.date,
            BudgetLine.id,
            json_rows.text(json_rows.json_object(line)).label("line"),
        )
        .where(BudgetLine.billing_account_id == bindparam("account_id"), *conditions)
        .correlate(BillingAccount)
        .lateral("lines")
    )
    lists = (
        json_rows.text(json_rows.json_list(case((lines.c.kind == kind, lines.c.line)), lines.c.date, lines.c.id))
        for kind in (Kind.LOCKED, Kind.CONSUMED)
    )
    return select(*(each.label(f"{kind}_amounts") for kind, each in zip(Kind, lists, strict=True))).lateral("lists")


def _details(
    accounts: Callable[[Amounts], Select[*tuple[Any, ...]]], line: dict[str, Json], *conditions: ColumnElement[bool]
) -> tuple[Prepared[*tuple[Any, ...]], Prepared[*tuple[Any, ...]]]:
    """An account with its lines: as stored, which holds unless it `is_due`, and without the locks that are due."""
    as_stored, without_due = (
        accounts(of)
        .add_columns(BillingAccount.version, due.IS_DUE.label("is_due"), *lists.c)
        .join(lists, true())
        .where(BillingAccount.id == bindparam("account_id"), *conditions)
        for of, lists in ((due.AS_STORED, _lists(line)), (due.OF_ONE, _lists(line, due.STANDS)))
    )
    return Prepared(as_stored).shown(), Prepared(without_due).shown()


ACCOUNT = Prepared(
    _full(due.OF_ONE).add_columns(BillingAccount.version).where(BillingAccount.id == bindparam("account_id"))
)
DETAIL, DETAIL_WITHOUT_DUE = _details(_full, _JSON_LINE)
GRANTED_DETAIL, GRANTED_DETAIL_WITHOUT_DUE = _details(_full, _JSON_LINE, granted_to(bindparam("granted_to")))
COPILOT_DETAIL, COPILOT_DETAIL_WITHOUT_DUE = _details(_copilot, _COPILOT_JSON_LINE)

IS_VISIBLE = Prepared(
    select(
        exists().where(BillingAccount.id == bindparam("account_id"), visible_to(bindparam("granted_to"))),
    )
)
_OF_ACCOUNTS = BillingAccount.id == any_(list_of("account_ids", BillingAccount.id))
# Accounts whose budgets change: locked in the order of all operations first.
TOUCH = Prepared(
    select(BillingAccount.id).where(_OF_ACCOUNTS).order_by(BillingAccount.id).with_for_update(key_share=True),
    update(BillingAccount)
    .where(_OF_ACCOUNTS)
    .values(version=BillingAccount.version + 1, updated_at=bindparam("now"))
    .returning(BillingAccount.id, BillingAccount.client_id),
)
HAS_ACCESS = Prepared(
    select(BillingAccountAccess.user_id.is_not(None))
    .select_from(BillingAccount)
    .outerjoin(BillingAccountAccess, and_(BillingAccountAccess.billing_account_id == BillingAccount.id, _OF_USER))
    .where(BillingAccount.id == bindparam("account_id"), visible_to(bindparam("granted_to")))
)
_GRANT = insert(BillingAccountAccess).values(
    billing_account_id=bindparam("account_id"),
    user_id=bindparam("user_id"),
    user_handle=bindparam("user_handle"),
    created_at=bindparam("now"),
)
GRANT: AnyPrepared = Prepared(
    _GRANT.on_conflict_do_update(
        index_elements=[BillingAccountAccess.billing_account_id, BillingAccountAccess.user_id],
        set_={"user_handle": func.coalesce(_GRANT.excluded.user_handle, BillingAccountAccess.user_handle)},
    ).returning(
        *_USER,
        BillingAccountAccess.user_handle,
        literal_column("old.user_id").label("user_id_before"),
        literal_column("old.user_handle").label("user_handle_before"),
    )
)
REVOKE = Prepared(
    delete(BillingAccountAccess)
    .where(_OF_ACCOUNT, _OF_USER)
    .returning(BillingAccountAccess.user_id, BillingAccountAccess.user_handle)
)
