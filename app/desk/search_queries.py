"""The search at the desk: one statement over everything that has a name or a number, each part by an index.

What is found has a number as its `id`, or a text as its `text_id`. What does not belong to a customer has no account,
and is found if the parameters `sees_…` say so.
"""

from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    Label,
    Select,
    String,
    Text,
    Uuid,
    all_,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import InstrumentedAttribute

from app.billing_accounts.models import BillingAccount
from app.clients.models import Client
from app.credits.hold_models import CreditHold
from app.credits.lot_models import CreditLot
from app.credits.models import CreditTransaction, TransactionType
from app.customers.models import AccountMember, CustomerAccount, DirectoryEntry, DirectoryKind
from app.db.fast.prepared import AnyPrepared, Prepared
from app.desk.queries import HAS_WORDS, PATTERNS
from app.purchases.invoice_models import CreditNote, Invoice, Series
from app.purchases.models import Payment
from app.purchases.return_models import Refund
from app.work_periods.models import ResourceBooking, WorkPeriod, WorkPeriodPayment

_TEXT = cast(bindparam("text"), Text)
_NUMBER = cast(bindparam("number"), CustomerAccount.id.type)
# From the best match to the least: what is named so, what has this number, a word that begins so, a part of a word.
_NAMED, _NUMBERED, _BEGINS, _CONTAINS = range(4)
_LONGEST_TITLE = 255
_Column = ColumnElement[Any] | InstrumentedAttribute[Any]


def _hits(
    kind: str | _Column,
    title: _Column,
    *,
    rank: int | ColumnElement[int],
    id: _Column | None = None,  # noqa: A002 - as the column
    text_id: _Column | None = None,
    account_id: _Column | None = None,
) -> Select[*tuple[Any, ...]]:
    """What of one table is shown of a match."""
    return select(
        (literal(kind, String) if isinstance(kind, str) else kind).label("kind"),
        cast(null() if id is None else id, BigInteger).label("id"),
        cast(null() if text_id is None else text_id, Text).label("text_id"),
        cast(null() if account_id is None else account_id, BigInteger).label("account_id"),
        func.left(cast(title, Text), _LONGEST_TITLE).label("title"),
        (literal(rank, Integer) if isinstance(rank, int) else rank).label("rank"),
    )


def _rank_among(words: ColumnElement[str]) -> Label[int]:
    """How well words that contain what is looked for match it; they are folded."""
    apart = literal(" ").concat(words).concat(" ")
    return case(
        (func.strpos(apart, literal(" ").concat(func.fold_text(_TEXT)).concat(" ")) > 0, _NAMED),
        (func.strpos(apart, literal(" ").concat(func.fold_text(_TEXT))) > 0, _BEGINS),
        else_=_CONTAINS,
    ).label("rank")


def _sees(name: str) -> ColumnElement[bool]:
    return cast(bindparam(f"sees_{name}"), Boolean)


def _best_named(kind: str, model: type[Client | BillingAccount], **its_id: _Column) -> CTE:
    """Those that have all words in their name. The index on the name is asked for the longest."""
    folded = func.fold_text(model.name)
    rank = _rank_among(folded)
    return (
        _hits(kind, model.name, rank=rank, **its_id)
        .where(_sees(f"{kind}s"), folded.like(func.fold_text(bindparam("longest"))), folded.like(all_(PATTERNS)))
        .order_by(rank, func.length(model.name), model.id)
        .limit(bindparam("most"))
        .cte(f"named_{kind}s")
    )


_RANK = _rank_among(type_coerce(DirectoryEntry.words, Text))
# The shorter the words among which it is, the better the match.
_DIRECTORY = (
    select(DirectoryEntry.kind, DirectoryEntry.object_id, DirectoryEntry.account_id, _RANK)
    .where(HAS_WORDS)
    .order_by(_RANK, func.length(DirectoryEntry.words), DirectoryEntry.kind, DirectoryEntry.object_id)
    .limit(bindparam("most"))
    .cte("directory")
)
_IN_DIRECTORY = (
    _hits(
        _DIRECTORY.c.kind,
        func.coalesce(AccountMember.email, AccountMember.user_id, CustomerAccount.name),
        rank=_DIRECTORY.c.rank,
        id=_DIRECTORY.c.object_id,
        account_id=_DIRECTORY.c.account_id,
    )
    .join(CustomerAccount, CustomerAccount.id == _DIRECTORY.c.account_id)
    .outerjoin(
        AccountMember,
        and_(AccountMember.id == _DIRECTORY.c.object_id, _DIRECTORY.c.kind == DirectoryKind.MEMBER),
    )
)


def _numbers(series: Series) -> ColumnElement[Any]:
    """A number as it is printed, and as it is read to others: without what all begin with."""
    return any_(array([func.upper(_TEXT), literal(f"{series}-", Text).concat(_TEXT)]))


def _of_account(
    kind: str | _Column, model: type[Any], title: _Column, rank: int, where: ColumnElement[bool]
) -> Select[*tuple[Any, ...]]:
    return _hits(kind, title, rank=rank, id=model.id, account_id=model.account_id).where(where)


def _newest_of(sees: str, found: Select[*tuple[Any, ...]], order: _Column, *where: ColumnElement[bool]) -> Select[Any]:
    """Of what does not belong to a customer, the newest that match."""
    return select(found.where(_sees(sees), *where).order_by(order.desc()).limit(bindparam("most")).subquery())


def _booked(rank: int, *where: ColumnElement[bool]) -> Select[Any]:
    found = _hits("resource_booking", _BOOKING, rank=rank, text_id=ResourceBooking.id)
    return _newest_of("bookings", found, ResourceBooking.id, *where)


_PAYMENT = func.concat(Payment.amount, " ", Payment.currency, ", ", Payment.payment_method, ", ", Payment.status)
_LOT = func.concat(CreditLot.source, ", ", CreditLot.credits, " credits")
_HOLD = func.concat(CreditHold.operation_type, ", ", CreditHold.amount, " credits, ", CreditHold.status)
_CHANGE = func.concat_ws(", ", CreditTransaction.transaction_type, CreditTransaction.operation_type).concat(
    func.concat(", ", CreditTransaction.amount, " credits")
)
_USED = case((CreditTransaction.transaction_type == TransactionType.DEDUCTION, "usage"), else_="transaction")
_UUID = cast(bindparam("uuid"), Uuid)
_BOOKING = func.concat(
    func.coalesce(ResourceBooking.user_handle, ResourceBooking.user_id),
    literal(", project ", Text).concat(cast(ResourceBooking.project_id, Text)),
    literal(", ", Text).concat(ResourceBooking.status),
)
_PERIOD = func.concat_ws(
    ", ",
    func.concat(WorkPeriod.start_date, " to ", WorkPeriod.end_date),
    WorkPeriod.user_handle,
    WorkPeriod.payment_status,
)
_WORK_PAYMENT = func.concat(
    WorkPeriodPayment.amount, " USD, ", WorkPeriodPayment.user_handle, ", ", WorkPeriodPayment.status
)
_CLIENTS = _best_named("client", Client, text_id=Client.id)
_BILLING_ACCOUNTS = _best_named("billing_account", BillingAccount, id=BillingAccount.id)
_HITS = union_all(
    _IN_DIRECTORY,
    _hits("account", CustomerAccount.name, rank=_NUMBERED, id=CustomerAccount.id, account_id=CustomerAccount.id).where(
        CustomerAccount.id == _NUMBER
    ),
    _of_account("invoice", Invoice, Invoice.invoice_number, _NAMED, Invoice.invoice_number == _numbers(Series.INVOICE)),
    _of_account("invoice", Invoice, Invoice.invoice_number, _NUMBERED, Invoice.id == _NUMBER),
    _of_account(
        "credit_note",
        CreditNote,
        CreditNote.credit_note_number,
        _NAMED,
        CreditNote.credit_note_number == _numbers(Series.CREDIT_NOTE),
    ),
    _of_account("credit_note", CreditNote, CreditNote.credit_note_number, _NUMBERED, CreditNote.id == _NUMBER),
    _of_account("payment", Payment, _PAYMENT, _NAMED, Payment.gateway_reference == _TEXT),
    _of_account("payment", Payment, _PAYMENT, _NUMBERED, Payment.id == _NUMBER),
    # A refund is shown with its payment.
    _of_account("payment", Payment, _PAYMENT, _NAMED, Refund.gateway_reference == _TEXT).join(
        Refund, Refund.payment_id == Payment.id
    ),
    _of_account("lot", CreditLot, _LOT, _NAMED, and_(CreditLot.reference == _TEXT, CreditLot.reference != "")),
    _of_account("lot", CreditLot, _LOT, _NUMBERED, CreditLot.id == _NUMBER),
    _of_account("hold", CreditHold, _HOLD, _NAMED, CreditHold.reference == _TEXT),
    _of_account(_USED, CreditTransaction, _CHANGE, _NUMBERED, CreditTransaction.id == _NUMBER),
    select(*_CLIENTS.c),
    _hits("client", Client.name, rank=_NUMBERED, text_id=Client.id).where(_sees("clients"), Client.id == _TEXT),
    select(*_BILLING_ACCOUNTS.c),
    _hits("billing_account", BillingAccount.name, rank=_NUMBERED, id=BillingAccount.id).where(
        _sees("billing_accounts"), BillingAccount.id == _NUMBER
    ),
    _booked(_NUMBERED, ResourceBooking.id == _UUID),
    _booked(_NUMBERED, ResourceBooking.project_id == _NUMBER),
    _booked(_NAMED, ResourceBooking.user_id == _TEXT),
    _booked(_NAMED, ResourceBooking.job_id == _TEXT),
    _booked(_NAMED, func.fold_text(ResourceBooking.user_handle) == func.fold_text(_TEXT)),
    _hits("work_period", _PERIOD, rank=_NUMBERED, text_id=WorkPeriod.id).where(
        _sees("work_periods"), WorkPeriod.id == _UUID
    ),
    _hits("work_period_payment", _WORK_PAYMENT, rank=_NUMBERED, text_id=WorkPeriodPayment.id).where(
        _sees("work_payments"), WorkPeriodPayment.id == _UUID
    ),
    _newest_of(
        "work_payments",
        _hits("work_period_payment", _WORK_PAYMENT, rank=_NAMED, text_id=WorkPeriodPayment.id),
        WorkPeriodPayment.id,
        WorkPeriodPayment.external_reference == _TEXT,
    ),
).cte("hits")
_SHOWN = (_HITS.c.kind, _HITS.c.id, _HITS.c.text_id, _HITS.c.account_id, _HITS.c.title)
_BEST = select(*_SHOWN, func.min(_HITS.c.rank).label("rank")).group_by(*_SHOWN).cte("best")
EVERYTHING: AnyPrepared = Prepared(
    select(
        _BEST.c.kind,
        _BEST.c.id,
        _BEST.c.text_id,
        _BEST.c.account_id,
        CustomerAccount.name.label("account_name"),
        _BEST.c.title,
    )
    .outerjoin(CustomerAccount, CustomerAccount.id == _BEST.c.account_id)
    .order_by(
        _BEST.c.rank,
        func.similarity(func.fold_text(_BEST.c.title), func.fold_text(_TEXT)).desc(),
        _BEST.c.kind,
        _BEST.c.id,
        _BEST.c.text_id,
    )
    .limit(bindparam("most"))
).unprepared()
