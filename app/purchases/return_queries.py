"""Reading and writing refunds and disputes, and what they make of payments."""

from typing import Any

from sqlalchemy import (
    BindParameter,
    ScalarSelect,
    SQLColumnExpression,
    String,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from app.db import json_rows
from app.db.columns import columns_of, list_of, values_of
from app.db.fast.prepared import AnyPrepared, Prepared
from app.purchases.models import Payment, PaymentMethod, PaymentStatus
from app.purchases.return_models import Dispute, DisputeStatus, Refund, RefundStatus

_NOW: BindParameter[Any] = bindparam("now")
_CREATED = {"created_at": _NOW, "updated_at": _NOW}
# Compared with words, it has no type of its own.
_STATUS = bindparam("status", type_=String)
_AT: BindParameter[Any] = bindparam("at")
# What changed at a gateway may change again.
CHECK_SOON = case((Payment.payment_method != PaymentMethod.MANUAL, cast(_NOW, Payment.check_at.type)))

_IS_PAYMENT = and_(Payment.account_id == bindparam("account_id"), Payment.id == bindparam("payment_id"))
_REFUND_JSON: json_rows.Json = (
    *('{"id":', *json_rows.value(Refund.id), ',"amount":', *json_rows.word(Refund.amount)),
    *(',"credits":', *json_rows.value(Refund.credits), ',"status":', *json_rows.word(Refund.status)),
    *(',"reason":', *json_rows.value(Refund.reason), ',"created_at":', *json_rows.time(Refund.created_at), "}"),
)


def refunds_of_payment(account_id: SQLColumnExpression[int]) -> ScalarSelect[Any]:
    """The refunds of a payment as JSON, oldest first, as its schema has them; `account_id` is whose it is."""
    return (
        select(json_rows.text(json_rows.json_list(json_rows.text(_REFUND_JSON), Refund.id)))
        .where(Refund.account_id == account_id, Refund.payment_id == Payment.id)
        .correlate(Payment)
        .scalar_subquery()
    )


REFUNDS: AnyPrepared = Prepared(
    select(*columns_of(Refund, but={"gateway_key"}), cast(Refund.gateway_key, String).label("gateway_key"))
    .where(Refund.account_id == bindparam("account_id"), Refund.payment_id == bindparam("payment_id"))
    .order_by(Refund.id)
)
PENDING_REFUNDS: AnyPrepared = Prepared(
    select(*columns_of(Refund, but={"gateway_key"}), cast(Refund.gateway_key, String).label("gateway_key"))
    .where(Refund.payment_id == any_(list_of("payment_ids", Refund.payment_id)), Refund.status == RefundStatus.PENDING)
    .order_by(Refund.id)
)
_SUCCEEDED_AT = case((_STATUS == RefundStatus.SUCCEEDED, cast(_AT, Refund.succeeded_at.type)))
_FAILED_AT = case((_STATUS == RefundStatus.FAILED, cast(_AT, Refund.failed_at.type)))
CREATE_REFUND = Prepared(
    insert(Refund)
    .values(
        **values_of(
            Refund.account_id,
            Refund.payment_id,
            Refund.amount,
            Refund.credits,
            Refund.reason,
            Refund.failure,
            Refund.gateway_reference,
            Refund.requested_by,
            Refund.asked_amount,
            Refund.asked_credits,
            Refund.request_key_owner,
            Refund.request_key,
        ),
        status=_STATUS,
        succeeded_at=_SUCCEEDED_AT,
        failed_at=_FAILED_AT,
        **_CREATED,
    )
    .returning(Refund.id)
)
_CHANGE_REFUND = update(Refund).where(Refund.account_id == bindparam("account_id"), Refund.id == bindparam("refund_id"))
MARK_REFUND = Prepared(
    _CHANGE_REFUND.values(
        status=_STATUS,
        failure=bindparam("failure"),
        updated_at=_NOW,
        succeeded_at=func.coalesce(Refund.succeeded_at, _SUCCEEDED_AT),
        failed_at=_FAILED_AT,
    )
)
NAME_REFUND = Prepared(_CHANGE_REFUND.values(gateway_reference=bindparam("reference"), updated_at=_NOW))
RESIZE_REFUND = Prepared(_CHANGE_REFUND.values(**values_of(Refund.amount, Refund.credits), updated_at=_NOW))

DISPUTES: AnyPrepared = Prepared(
    select(*columns_of(Dispute))
    .where(Dispute.account_id == bindparam("account_id"), Dispute.payment_id == bindparam("payment_id"))
    .order_by(Dispute.id)
)
CREATE_DISPUTE = Prepared(
    insert(Dispute)
    .values(
        **values_of(Dispute.account_id, Dispute.payment_id, Dispute.gateway_reference, Dispute.amount, Dispute.status),
        **_CREATED,
    )
    .returning(Dispute.id)
)
MARK_DISPUTE = Prepared(
    update(Dispute)
    .where(Dispute.account_id == bindparam("account_id"), Dispute.id == bindparam("dispute_id"))
    .values(**values_of(Dispute.status, Dispute.amount, Dispute.frozen, Dispute.credits), updated_at=_NOW)
)


def _sum(column: Any, *conditions: Any) -> Any:
    found = select(func.coalesce(func.sum(column), 0)).where(*conditions).correlate(Payment)
    return cast(found.scalar_subquery(), column.type)


_REFUNDED_OF = and_(Refund.account_id == bindparam("account_id"), Refund.payment_id == Payment.id)
_DISPUTED_OF = and_(Dispute.account_id == bindparam("account_id"), Dispute.payment_id == Payment.id)
_NOT_FAILED = Refund.status != RefundStatus.FAILED
# What went back of a payment, by its refunds and disputes.
TOTALS: AnyPrepared = Prepared(
    select(
        _sum(Refund.amount, _REFUNDED_OF, _NOT_FAILED).label("refunded"),
        _sum(Refund.amount, _REFUNDED_OF, Refund.status == RefundStatus.PENDING).label("refunding"),
        _sum(Dispute.amount, _DISPUTED_OF, Dispute.status == DisputeStatus.OPEN).label("disputed"),
        _sum(Dispute.amount, _DISPUTED_OF, Dispute.status == DisputeStatus.LOST).label("charged_back"),
        (_sum(Refund.credits, _REFUNDED_OF, _NOT_FAILED) + _sum(Dispute.credits, _DISPUTED_OF)).label("credits"),
    ).where(_IS_PAYMENT)
)
FOLLOW_PAYMENT = Prepared(
    update(Payment)
    .where(_IS_PAYMENT)
    .values(
        **values_of(
            Payment.amount_refunded,
            Payment.amount_disputed,
            Payment.amount_charged_back,
            Payment.credits_refunded,
            Payment.failure,
            Payment.settled_by,
        ),
        status=_STATUS,
        refunded_at=case((_STATUS == PaymentStatus.REFUNDED, func.coalesce(Payment.refunded_at, _NOW))),
        updated_at=_NOW,
        check_at=CHECK_SOON,
    )
)
