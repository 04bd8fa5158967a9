"""Reading bookings, work periods and payments."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, Uuid, any_, bindparam, cast, func, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import InstrumentedAttribute

from app.db import json_rows, row_counts
from app.db.columns import columns_of, list_of, rows_of
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.paging import ListQuery, one_or_more
from app.work_periods.models import BookingStatus, ResourceBooking, WorkPeriod, WorkPeriodPayment

BOOKINGS = ListQuery(
    rows=select(*columns_of(ResourceBooking, but={"version"})),
    key=ResourceBooking.id,
    filters={
        **one_or_more("project_id", ResourceBooking.project_id),
        **one_or_more("project_ids", ResourceBooking.project_id),
        "user_id": ResourceBooking.user_id == bindparam("user_id"),
        "job_id": ResourceBooking.job_id == bindparam("job_id"),
        **one_or_more("status", ResourceBooking.status),
        **one_or_more("rate_type", ResourceBooking.rate_type),
    },
    sorts={
        "start_date": ResourceBooking.start_date,
        "end_date": ResourceBooking.end_date,
        "created_at": ResourceBooking.created_at,
        "project_id": ResourceBooking.project_id,
        "status": ResourceBooking.status,
    },
    default_sort="created_at",
    counts=row_counts.unfiltered(ResourceBooking),
)
_PERIOD = columns_of(WorkPeriod, but={"version", "open_payments", "completed_payments"})
PERIODS = ListQuery(
    rows=select(*_PERIOD),
    key=WorkPeriod.id,
    filters={
        **one_or_more("resource_booking_id", WorkPeriod.resource_booking_id),
        **one_or_more("resource_booking_ids", WorkPeriod.resource_booking_id),
        **one_or_more("project_id", WorkPeriod.project_id),
        **one_or_more("project_ids", WorkPeriod.project_id),
        "user_handle": func.fold_text(WorkPeriod.user_handle) == func.fold_text(bindparam("user_handle")),
        **one_or_more("payment_status", WorkPeriod.payment_status),
        "start_date": WorkPeriod.start_date == bindparam("start_date"),
        "end_date": WorkPeriod.end_date == bindparam("end_date"),
    },
    sorts={
        "start_date": WorkPeriod.start_date,
        "end_date": WorkPeriod.end_date,
        "created_at": WorkPeriod.created_at,
        "user_handle": func.fold_text(WorkPeriod.user_handle),
        "payment_status": WorkPeriod.payment_status,
    },
    default_sort="start_date",
    counts=row_counts.unfiltered(WorkPeriod),
)
_PAYMENT = columns_of(WorkPeriodPayment)
_SHOWN_PAYMENT = columns_of(WorkPeriodPayment, but={"version", "moved_by"})


def _read(columns: Iterable[InstrumentedAttribute[Any]]) -> Select[*tuple[Any, ...]]:
    # Ids are compared with those that callers sent; JSON leaves as it was kept, never by way of a float.
    is_text = (Uuid, JSONB)
    return select(*(cast(each, Text).label(each.key) if isinstance(each.type, is_text) else each for each in columns))


PAYMENTS = ListQuery(
    rows=_read(_SHOWN_PAYMENT),
    key=WorkPeriodPayment.id,
    filters={
        **one_or_more("status", WorkPeriodPayment.status),
        **one_or_more("work_period_id", WorkPeriodPayment.work_period_id),
        **one_or_more("work_period_ids", WorkPeriodPayment.work_period_id),
        **one_or_more("resource_booking_id", WorkPeriodPayment.resource_booking_id),
        **one_or_more("resource_booking_ids", WorkPeriodPayment.resource_booking_id),
        **one_or_more("project_id", WorkPeriodPayment.project_id),
        **one_or_more("project_ids", WorkPeriodPayment.project_id),
        **one_or_more("billing_account_id", WorkPeriodPayment.billing_account_id),
        **one_or_more("billing_account_ids", WorkPeriodPayment.billing_account_id),
        "user_id": WorkPeriodPayment.user_id == bindparam("user_id"),
        "user_handle": func.fold_text(WorkPeriodPayment.user_handle) == func.fold_text(bindparam("user_handle")),
        "created_at_from": WorkPeriodPayment.created_at >= bindparam("created_at_from"),
        "created_at_to": WorkPeriodPayment.created_at <= bindparam("created_at_to"),
        "completed_at_from": WorkPeriodPayment.completed_at >= bindparam("completed_at_from"),
        "completed_at_to": WorkPeriodPayment.completed_at <= bindparam("completed_at_to"),
    },
    sorts={
        "status": WorkPeriodPayment.status,
        "amount": WorkPeriodPayment.amount,
        "created_at": WorkPeriodPayment.created_at,
        "updated_at": WorkPeriodPayment.updated_at,
        "completed_at": WorkPeriodPayment.completed_at,
    },
    default_sort="created_at",
    counts=row_counts.unfiltered(WorkPeriodPayment),
    only_shown=True,
)
_PAYMENTS_OF_PERIOD = (
    select(
        json_rows.text(
            json_rows.json_list(
                json_rows.text(json_rows.json_object({each.key: json_rows.member(each) for each in _SHOWN_PAYMENT})),
                WorkPeriodPayment.created_at,
                WorkPeriodPayment.id,
            )
        )
    )
    .where(WorkPeriodPayment.work_period_id == WorkPeriod.id)
    .scalar_subquery()
)
PERIOD: AnyPrepared = Prepared(
    select(*_PERIOD, WorkPeriod.version, _PAYMENTS_OF_PERIOD.label("payments")).where(
        WorkPeriod.id == bindparam("period_id")
    )
)
PAYMENT = Prepared(
    _read([*_SHOWN_PAYMENT, WorkPeriodPayment.version]).where(WorkPeriodPayment.id == bindparam("payment_id"))
)

# What a payment keeps of its booking as it was then; of some, to its end.
_COPIED_FROM_BOOKING = (
    ResourceBooking.project_id,
    ResourceBooking.user_id,
    ResourceBooking.user_handle,
    ResourceBooking.member_rate,
    ResourceBooking.customer_rate,
    ResourceBooking.billing_account_id,
)
COPIED_FROM_BOOKING = ("resource_booking_id", *(each.key for each in _COPIED_FROM_BOOKING))
# What payments change of their period.
_TOTALS = (
    WorkPeriod.days_paid,
    WorkPeriod.payment_total,
    WorkPeriod.open_payments,
    WorkPeriod.completed_payments,
)
TOTALS = tuple(each.key for each in _TOTALS)
# What deciding on a payment needs to know of its period and booking.
_TO_DECIDE: Select[*tuple[Any, ...]] = select(
    cast(WorkPeriod.id, Text).label("id"),
    WorkPeriod.start_date,
    WorkPeriod.days_worked,
    *_TOTALS,
    cast(WorkPeriod.resource_booking_id, Text).label("resource_booking_id"),
    ResourceBooking.status.label("booking_status"),
    *_COPIED_FROM_BOOKING,
).join(ResourceBooking, ResourceBooking.id == WorkPeriod.resource_booking_id)
_PERIODS = WorkPeriod.id == any_(list_of("period_ids", WorkPeriod.id))
_PAYMENTS = WorkPeriodPayment.id == any_(list_of("payment_ids", WorkPeriodPayment.id))


def _locked(condition: ColumnElement[bool]) -> AnyPrepared:
    # What is decided on is read by the second statement, once the periods are locked: a booking that was cancelled
    # while the first one waited is seen as cancelled, since a cancellation locks its periods.
    return Prepared(
        select(WorkPeriod.id).where(condition).order_by(WorkPeriod.id).with_for_update(key_share=True),
        _TO_DECIDE.where(condition),
    )


LOCK_PERIODS = _locked(_PERIODS)
LOCK_PERIODS_OF_PAYMENTS = _locked(WorkPeriod.id.in_(select(WorkPeriodPayment.work_period_id).where(_PAYMENTS)))
READ_PERIODS = Prepared(_TO_DECIDE.where(_PERIODS))
PAYMENTS_TO_CHANGE = Prepared(_read(_PAYMENT).where(_PAYMENTS))
_NEW_TOTALS = rows_of(id=WorkPeriod.id, **{each.key: each for each in _TOTALS})
WRITE_PERIODS = Prepared(
    update(WorkPeriod)
    .where(WorkPeriod.id == _NEW_TOTALS.c.id)
    .values({name: _NEW_TOTALS.c[name] for name in TOTALS} | {"updated_at": bindparam("now")})
)
WRITTEN_FIELDS = tuple(each.key for each in _PAYMENT)
_WRITE_PAYMENTS = insert(WorkPeriodPayment).from_select(
    WRITTEN_FIELDS, select(*rows_of(**{each.key: each for each in _PAYMENT}).c)
)
# One statement for new payments and changed ones: their rows are this transaction's alone, since their periods are.
WRITE_PAYMENTS = Prepared(
    _WRITE_PAYMENTS.on_conflict_do_update(
        index_elements=[WorkPeriodPayment.id],
        set_={name: _WRITE_PAYMENTS.excluded[name] for name in WRITTEN_FIELDS if name != "id"},
    )
)

_DUE = (
    select(cast(WorkPeriod.id, Text).label("id"), WorkPeriod.user_handle)
    .join(ResourceBooking, ResourceBooking.id == WorkPeriod.resource_booking_id)
    .where(
        WorkPeriod.id > cast(bindparam("after"), Uuid),
        WorkPeriod.days_worked > WorkPeriod.days_paid,
        WorkPeriod.start_date <= bindparam("today"),
        ResourceBooking.status != BookingStatus.CANCELLED,
    )
    .order_by(WorkPeriod.id)
    .limit(bindparam("limit"))
)
_MATCHING = {
    "status": ResourceBooking.status == any_(list_of("status", ResourceBooking.status)),
    "start_date": ResourceBooking.start_date == bindparam("start_date"),
    "end_date": ResourceBooking.end_date == bindparam("end_date"),
    "rate_type": ResourceBooking.rate_type == any_(list_of("rate_type", ResourceBooking.rate_type)),
    "job_id": ResourceBooking.job_id == bindparam("job_id"),
    "user_id": ResourceBooking.user_id == bindparam("user_id"),
    "project_id": ResourceBooking.project_id == bindparam("project_id"),
    "project_ids": ResourceBooking.project_id == any_(list_of("project_ids", ResourceBooking.project_id)),
    "billing_account_id": ResourceBooking.billing_account_id == bindparam("billing_account_id"),
    "billing_account_ids": ResourceBooking.billing_account_id
    == any_(list_of("billing_account_ids", ResourceBooking.billing_account_id)),
    "payment_status": WorkPeriod.payment_status == any_(list_of("payment_status", WorkPeriod.payment_status)),
    "period_start_date": WorkPeriod.start_date == bindparam("period_start_date"),
    "period_end_date": WorkPeriod.end_date == bindparam("period_end_date"),
    "period_end_date_to": WorkPeriod.end_date <= bindparam("period_end_date_to"),
    "user_handle": func.fold_text(WorkPeriod.user_handle) == func.fold_text(bindparam("user_handle")),
}


def due_periods(conditions: Iterable[str], *, lock: bool) -> Select[str, str | None]:
    """The next due periods that match, of which `conditions` names how.

    Not prepared: it runs once for hundreds of payments, and its plan depends on the values.
    """
    due = _DUE.where(*(_MATCHING[name] for name in sorted(conditions)))
    # Locked as they are found, in the order that everybody locks periods in: one that another call pays meanwhile is
    # looked at again, is not due any more, and is left out.
    return due.with_for_update(key_share=True, of=WorkPeriod) if lock else due
