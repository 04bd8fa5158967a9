"""Reading and writing packages and payments."""

from typing import Any

from sqlalchemy import BindParameter, Select, String, any_, bindparam, case, cast, func, literal, null, select, update
from sqlalchemy.dialects.postgresql import insert

from app.db.columns import columns_of, list_of, values_of
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.paging import ListQuery
from app.purchases.models import (
    OPEN,
    CreditPackage,
    Payment,
    PaymentMethod,
    PaymentStatus,
    Refund,
    RefundStatus,
    StripeEvent,
)

_NOW: BindParameter[Any] = bindparam("now")
_CREATED = {"created_at": _NOW, "updated_at": _NOW}
# Compared with words, it has no type of its own.
_STATUS = bindparam("status", type_=String)
_USES_METHOD = Payment.payment_method == any_(list_of("methods", Payment.payment_method))

_PACKAGE = columns_of(CreditPackage, but={"created_at", "updated_at"})
PACKAGES = ListQuery(
    rows=select(*_PACKAGE),
    key=CreditPackage.id,
    filters={"is_active": CreditPackage.is_active == bindparam("is_active")},
    sorts={"price": CreditPackage.price},
    default_sort="price",
    default_order="asc",
)
EVERY_PACKAGE = Prepared(select(*_PACKAGE).order_by(CreditPackage.price, CreditPackage.name))
_OFFER = values_of(*columns_of(CreditPackage, but={"id", "name", "created_at", "updated_at"}))
SET_PACKAGE = Prepared(
    insert(CreditPackage)
    .values(name=bindparam("name"), **_OFFER, **_CREATED)
    .on_conflict_do_update(index_elements=[CreditPackage.name], set_={**_OFFER, "updated_at": _NOW})
)
PACKAGE = Prepared(select(*_PACKAGE).where(CreditPackage.id == bindparam("package_id")))

_IS_PAYMENT = Payment.id == bindparam("payment_id")
_PAYMENTS: Select[*tuple[Any, ...]] = select(
    *columns_of(
        Payment,
        but={
            "gateway_key",
            "gateway_reference",
            "requested_by",
            "request_key_owner",
            "request_key",
            "lot_id",
            "expires_after_days",
            "lines",
            "tax_note",
            "tax_country",
            "tax_id",
            "dispute_reference",
            "dispute_status",
            "amount_charged_back",
            "settled_by",
        },
    ),
    cast(Payment.gateway_key, String).label("gateway_key"),
    func.coalesce(Payment.gateway_reference, "").label("gateway_reference"),
)
PAYMENTS = ListQuery(
    rows=_PAYMENTS,
    key=Payment.id,
    filters={
        "account_id": Payment.account_id == bindparam("account_id"),
        "status": Payment.status == bindparam("status"),
        "payment_method": Payment.payment_method == bindparam("payment_method"),
    },
    sorts={"created_at": Payment.created_at},
    default_sort="created_at",
)
PAYMENT = Prepared(_PAYMENTS.where(_IS_PAYMENT))
LOCK_PAYMENT = Prepared(
    _PAYMENTS.add_columns(
        Payment.request_key_owner,
        Payment.lot_id,
        Payment.expires_after_days,
        Payment.amount_charged_back,
        Payment.dispute_reference,
        Payment.dispute_status,
    )
    .where(_IS_PAYMENT)
    .with_for_update(key_share=True)
)
_HAS_KEY = (Payment.request_key_owner == bindparam("request_key_owner")) & (
    Payment.request_key == bindparam("request_key")
)
# A key means something for a day; who uses it again later begins something new.
FORGET_OLD_KEY = Prepared(
    update(Payment)
    .where(_HAS_KEY, Payment.created_at <= bindparam("expired"))
    .values(request_key=null(), updated_at=Payment.updated_at)
)
KEYED_PAYMENT = Prepared(_PAYMENTS.where(_HAS_KEY))
_KEY = literal("purchase ").concat(bindparam("request_key_owner")).concat(" ").concat(bindparam("request_key"))
ONE_KEYED_REQUEST_AT_A_TIME = Prepared(select(func.pg_advisory_xact_lock(func.hashtextextended(_KEY, 0))))
CREATE_PAYMENT = Prepared(
    insert(Payment)
    .values(
        **values_of(
            Payment.account_id,
            Payment.package_id,
            Payment.credits,
            Payment.expires_after_days,
            Payment.amount,
            Payment.net_amount,
            Payment.tax_amount,
            Payment.lines,
            Payment.tax_note,
            Payment.tax_country,
            Payment.tax_id,
            Payment.currency,
            Payment.payment_method,
            Payment.requested_by,
            Payment.request_key_owner,
            Payment.request_key,
        ),
        status=PaymentStatus.PENDING,
        **_CREATED,
    )
    .returning(Payment.id)
)
_CHANGE_PAYMENT = update(Payment).where(_IS_PAYMENT)
KEEP_REFERENCE = Prepared(
    _CHANGE_PAYMENT.where(Payment.gateway_reference.is_(None)).values(
        gateway_reference=bindparam("reference"), updated_at=_NOW
    )
)
MARK_PAYMENT = Prepared(
    _CHANGE_PAYMENT.values(
        **values_of(Payment.status, Payment.failure, Payment.settled_by),
        updated_at=_NOW,
    )
)
SETTLE_PAYMENT = Prepared(
    _CHANGE_PAYMENT.values(
        **values_of(Payment.settled_by, Payment.lot_id),
        status=PaymentStatus.SUCCEEDED,
        failure="",
        updated_at=_NOW,
        succeeded_at=_NOW,
    )
)
FOLLOW_PAYMENT = Prepared(
    _CHANGE_PAYMENT.values(
        **values_of(Payment.failure, Payment.credits_refunded, Payment.settled_by),
        status=_STATUS,
        refunded_at=case((_STATUS == PaymentStatus.REFUNDED, func.coalesce(Payment.refunded_at, _NOW))),
        updated_at=_NOW,
    )
)
SET_REFUNDED = Prepared(_CHANGE_PAYMENT.values(amount_refunded=bindparam("amount"), updated_at=_NOW))
SET_DISPUTE = Prepared(
    _CHANGE_PAYMENT.values(
        dispute_reference=bindparam("reference"),
        dispute_status=bindparam("status"),
        amount_charged_back=func.least(Payment.amount, Payment.amount_charged_back + bindparam("lost")),
        updated_at=_NOW,
    )
)
REFUNDS: AnyPrepared = Prepared(
    select(*columns_of(Refund, but={"gateway_key"}), cast(Refund.gateway_key, String).label("gateway_key"))
    .where(Refund.payment_id == bindparam("payment_id"))
    .order_by(Refund.id)
)
_FAILED_AT = case((_STATUS == RefundStatus.FAILED, cast(bindparam("at"), Refund.failed_at.type)))
CREATE_REFUND = Prepared(
    insert(Refund).values(
        **values_of(
            Refund.account_id,
            Refund.payment_id,
            Refund.amount,
            Refund.reason,
            Refund.failure,
            Refund.requested_by,
            Refund.request_key_owner,
            Refund.request_key,
        ),
        status=_STATUS,
        gateway_reference=bindparam("reference"),
        failed_at=_FAILED_AT,
        **_CREATED,
    )
)
MARK_REFUND = Prepared(
    update(Refund)
    .where(Refund.id == bindparam("refund_id"))
    .values(
        status=_STATUS,
        failure=bindparam("failure"),
        updated_at=_NOW,
        gateway_reference=func.coalesce(Refund.gateway_reference, bindparam("reference")),
        failed_at=_FAILED_AT,
    )
)
PENDING_REFUNDS = Prepared(
    select(Refund.id, Refund.payment_id)
    .join(Payment, Payment.id == Refund.payment_id)
    .where(
        Refund.status == RefundStatus.PENDING,
        _USES_METHOD,
        Refund.id > bindparam("after"),
    )
    .order_by(Refund.id)
    .limit(bindparam("limit"))
)
_IS_INTENT = Payment.gateway_reference == bindparam("reference")
_HAS_GATEWAY_KEY = Payment.gateway_key == cast(bindparam("gateway_key"), Payment.gateway_key.type)
# By the intent; by what it says it is for only when nobody knows it.
FIND_PAYMENT = Prepared(
    select(Payment.id)
    .where(_IS_INTENT | (_HAS_GATEWAY_KEY & (Payment.payment_method == PaymentMethod.STRIPE)))
    .order_by(_IS_INTENT.desc().nulls_last())
    .limit(1)
)
OPEN_PAYMENTS = Prepared(
    _PAYMENTS.where(
        Payment.status.in_(sorted(OPEN)),
        _USES_METHOD,
        Payment.id > bindparam("after"),
    )
    .order_by(Payment.id)
    .limit(bindparam("limit"))
)
RECORD_EVENT = Prepared(
    insert(StripeEvent)
    .values(**values_of(StripeEvent.id, StripeEvent.event_type), received_at=_NOW)
    .on_conflict_do_nothing(index_elements=[StripeEvent.id])
    .returning(StripeEvent.id)
)
