"""The search at the desk: one statement over everything that has a name or a number, each part by an index."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Label,
    Select,
    String,
    Text,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import InstrumentedAttribute

from app.credits.lot_models import CreditLot
from app.customers.models import AccountMember, CustomerAccount, DirectoryEntry, DirectoryKind
from app.db.fast.prepared import AnyPrepared, Prepared
from app.desk.queries import HAS_WORDS
from app.purchases.invoice_models import Invoice
from app.purchases.models import Payment
from app.purchases.return_models import Refund

_TEXT = cast(bindparam("text"), Text)
_NUMBER = cast(bindparam("number"), CustomerAccount.id.type)
# From the best match to the least: what is named so, what has this number, a word that begins so, a part of a word.
_NAMED, _NUMBERED, _BEGINS, _CONTAINS = range(4)
_Column = ColumnElement[Any] | InstrumentedAttribute[Any]


def _hits(
    kind: str, row_id: _Column, account_id: _Column, title: _Column, *, rank: int, where: ColumnElement[bool]
) -> Select[*tuple[Any, ...]]:
    """What of one table matches."""
    return select(
        literal(kind, String).label("kind"),
        row_id.label("id"),
        account_id.label("account_id"),
        cast(title, Text).label("title"),
        literal(rank, Integer).label("rank"),
    ).where(where)


_WORDS = literal(" ").concat(DirectoryEntry.words).concat(" ")
_RANK: Label[int] = case(
    (func.strpos(_WORDS, literal(" ").concat(func.fold_text(_TEXT)).concat(" ")) > 0, _NAMED),
    (func.strpos(_WORDS, literal(" ").concat(func.fold_text(_TEXT))) > 0, _BEGINS),
    else_=_CONTAINS,
).label("rank")
# The shorter the words among which it is, the better the match.
_DIRECTORY = (
    select(DirectoryEntry.kind, DirectoryEntry.object_id, DirectoryEntry.account_id, _RANK)
    .where(HAS_WORDS)
    .order_by(_RANK, func.length(DirectoryEntry.words), DirectoryEntry.kind, DirectoryEntry.object_id)
    .limit(bindparam("most"))
    .cte("directory")
)
_IN_DIRECTORY = (
    select(
        _DIRECTORY.c.kind,
        _DIRECTORY.c.object_id.label("id"),
        _DIRECTORY.c.account_id,
        cast(func.coalesce(AccountMember.email, AccountMember.user_id, CustomerAccount.name), Text).label("title"),
        _DIRECTORY.c.rank,
    )
    .join(CustomerAccount, CustomerAccount.id == _DIRECTORY.c.account_id)
    .outerjoin(
        AccountMember,
        and_(AccountMember.id == _DIRECTORY.c.object_id, _DIRECTORY.c.kind == DirectoryKind.MEMBER),
    )
)
# As it is printed, and as it is read to others: without what all begin with.
_NUMBERS = array([func.upper(_TEXT), literal("INV-", Text).concat(_TEXT)])
_PAYMENT = func.concat(Payment.amount, " ", Payment.currency, ", ", Payment.payment_method, ", ", Payment.status)
_LOT = func.concat(CreditLot.source, ", ", CreditLot.credits, " credits")
_ACCOUNTS = ("account", CustomerAccount.id, CustomerAccount.id, CustomerAccount.name)
_INVOICES = ("invoice", Invoice.id, Invoice.account_id, Invoice.invoice_number)
_PAYMENTS = ("payment", Payment.id, Payment.account_id, _PAYMENT)
_LOTS = ("lot", CreditLot.id, CreditLot.account_id, _LOT)
_HITS = union_all(
    _IN_DIRECTORY,
    _hits(*_ACCOUNTS, rank=_NUMBERED, where=CustomerAccount.id == _NUMBER),
    _hits(*_INVOICES, rank=_NAMED, where=Invoice.invoice_number == any_(_NUMBERS)),
    _hits(*_INVOICES, rank=_NUMBERED, where=Invoice.id == _NUMBER),
    _hits(*_PAYMENTS, rank=_NAMED, where=Payment.gateway_reference == _TEXT),
    _hits(*_PAYMENTS, rank=_NUMBERED, where=Payment.id == _NUMBER),
    # A refund is shown with its payment.
    _hits(*_PAYMENTS, rank=_NAMED, where=Refund.gateway_reference == _TEXT).join(
        Refund, Refund.payment_id == Payment.id
    ),
    _hits(*_LOTS, rank=_NUMBERED, where=CreditLot.id == _NUMBER),
).cte("hits")
_BEST = (
    select(_HITS.c.kind, _HITS.c.id, _HITS.c.account_id, _HITS.c.title, func.min(_HITS.c.rank).label("rank"))
    .group_by(_HITS.c.kind, _HITS.c.id, _HITS.c.account_id, _HITS.c.title)
    .cte("best")
)
EVERYTHING: AnyPrepared = Prepared(
    select(
        _BEST.c.kind,
        _BEST.c.id,
        _BEST.c.account_id,
        CustomerAccount.name.label("account_name"),
        _BEST.c.title,
    )
    .join(CustomerAccount, CustomerAccount.id == _BEST.c.account_id)
    .order_by(
        _BEST.c.rank,
        func.similarity(func.fold_text(_BEST.c.title), func.fold_text(_TEXT)).desc(),
        _BEST.c.kind,
        _BEST.c.id,
    )
    .limit(bindparam("most"))
)
