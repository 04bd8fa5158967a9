"""Reading and writing payments."""

from typing import Any

from sqlalchemy import (
    BindParameter,
    Select,
    String,
    and_,
    any_,
    bindparam,
    case,
    cast,
    delete,
    func,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from app.db.columns import columns_of, list_of, values_of
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.paging import ListQuery
from app.purchases import return_queries
from app.purchases.models import (
    OPEN,
    Payment,
    PaymentMethod,
    PaymentStatus,
    StripeEvent,
)

_NOW: BindParameter[Any] = bindparam("now")
_CREATED = {"created_at": _NOW, "updated_at": _NOW}
_USES_METHOD = Payment.payment_method == any_(list_of("methods", Payment.payment_method))

_OF_ACCOUNT = Payment.account_id == bindparam("account_id")
_IS_PAYMENT = and_(_OF_ACCOUNT, Payment.id == bindparam("payment_id"))
_PAYMENT: tuple[Any, ...] = (
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
            "settled_by",
            "check_at",
        },
    ),
    cast(Payment.gateway_key, String).label("gateway_key"),
    func.coalesce(Payment.gateway_reference, "").label("gateway_reference"),
)
_PAYMENTS: Select[*tuple[Any, ...]] = select(
    *_PAYMENT, return_queries.refunds_of_payment(Payment.account_id).label("refunds")
)
_PAYMENT_OF_ACCOUNT: Select[*tuple[Any, ...]] = select(
    *_PAYMENT,
    return_queries.refunds_of_payment(bindparam("account_id", type_=Payment.account_id.type)).label("refunds"),
)
PAYMENTS = ListQuery(
    rows=_PAYMENTS,
    key=Payment.id,
    filters={
        "account_id": _OF_ACCOUNT,
        "status": Payment.status == bindparam("status"),
        "payment_method": Payment.payment_method == bindparam("payment_method"),
    },
    sorts={"created_at": Payment.created_at},
    default_sort="created_at",
)
PAYMENT = Prepared(_PAYMENT_OF_ACCOUNT.where(_IS_PAYMENT))
LOCK_PAYMENT = Prepared(
    _PAYMENT_OF_ACCOUNT.add_columns(
        Payment.request_key_owner,
        Payment.lot_id,
        Payment.expires_after_days,
    )
    .where(_IS_PAYMENT)
    .with_for_update(key_share=True)
)
_HAS_KEY = and_(
    _OF_ACCOUNT,
    Payment.request_key_owner == bindparam("request_key_owner"),
    Payment.request_key == bindparam("request_key"),
)
# A key means something for a day; who uses it again later begins something new.
FORGET_OLD_KEY = Prepared(
    update(Payment)
    .where(_HAS_KEY, Payment.created_at <= bindparam("expired"))
    .values(request_key=null(), updated_at=Payment.updated_at)
)
KEYED_PAYMENT = Prepared(_PAYMENT_OF_ACCOUNT.where(_HAS_KEY))
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
        check_at=case((bindparam("payment_method") != PaymentMethod.MANUAL, cast(_NOW, Payment.check_at.type))),
        **_CREATED,
    )
    .returning(Payment.id)
)
# Those whose outcome is not known yet.
COUNT_OPEN: AnyPrepared = Prepared(
    select(
        func.count().filter(Payment.status.in_(sorted(OPEN | {PaymentStatus.REFUNDING}))).label("payments"),
        func.count().filter(Payment.status == PaymentStatus.DISPUTED).label("disputes"),
    ).where(_OF_ACCOUNT)
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
        **values_of(
            Payment.settled_by,
            Payment.lot_id,
            Payment.received_amount,
            Payment.received_on,
            Payment.reference,
            Payment.difference_reason,
        ),
        status=PaymentStatus.SUCCEEDED,
        check_at=return_queries.CHECK_SOON,
        failure="",
        updated_at=_NOW,
        succeeded_at=_NOW,
    )
)
_IS_INTENT = Payment.gateway_reference == bindparam("reference")
_HAS_GATEWAY_KEY = Payment.gateway_key == cast(bindparam("gateway_key"), Payment.gateway_key.type)
# By the intent; by what it says it is for only when nobody knows it.
FIND_PAYMENT: AnyPrepared = Prepared(
    select(Payment.account_id, Payment.id)
    .where(_IS_INTENT | (_HAS_GATEWAY_KEY & (Payment.payment_method == PaymentMethod.STRIPE)))
    .order_by(_IS_INTENT.desc().nulls_last())
    .limit(1)
)
DUE_PAYMENTS = Prepared(
    _PAYMENTS.where(_USES_METHOD, Payment.check_at <= _NOW)
    .order_by(Payment.check_at, Payment.id)
    .limit(bindparam("limit"))
)
SET_CHECK_AT = Prepared(
    _CHANGE_PAYMENT.values(check_at=cast(bindparam("check_at"), Payment.check_at.type), updated_at=Payment.updated_at)
)
RECORD_EVENT = Prepared(
    insert(StripeEvent)
    .values(**values_of(StripeEvent.id, StripeEvent.event_type), received_at=_NOW)
    .on_conflict_do_nothing(index_elements=[StripeEvent.id])
    .returning(StripeEvent.id)
)
PRUNE_EVENTS = Prepared(
    delete(StripeEvent).where(StripeEvent.received_at < bindparam("before")).returning(StripeEvent.id)
)
