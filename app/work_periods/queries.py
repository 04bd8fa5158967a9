"""Reading bookings, work periods and payments."""

from sqlalchemy import Text, bindparam, cast, func, select

from app.db import json_rows
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.paging import ListQuery, columns_of, one_or_more
from app.work_periods.models import ResourceBooking, WorkPeriod, WorkPeriodPayment

BOOKINGS = ListQuery(
    rows=select(*columns_of(ResourceBooking)),
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
)
_PERIOD = columns_of(WorkPeriod, but={"open_payments", "completed_payments"})
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
)
# What a payment keeps of its booking as it was then; of some, to its end.
COPIED_FROM_BOOKING = (
    "resource_booking_id",
    "project_id",
    "user_id",
    "user_handle",
    "member_rate",
    "customer_rate",
    "billing_account_id",
)
_PAYMENT_TYPES = {
    "id": "uuid",
    "work_period_id": "uuid",
    "resource_booking_id": "uuid",
    "project_id": "int",
    "user_id": "text",
    "user_handle": "text",
    "challenge_id": "text",
    "member_rate": "numeric",
    "customer_rate": "numeric",
    "days": "int",
    "amount": "numeric",
    "status": "text",
    "status_details": "jsonb",
    "external_reference": "text",
    "billing_account_id": "int",
    "moved_by": "text",
    "created_by": "text",
    "updated_by": "text",
    "completed_at": "timestamptz",
    "cancelled_at": "timestamptz",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
}
WRITTEN_FIELDS = tuple(_PAYMENT_TYPES)
# Ids are compared with those that callers sent; JSON leaves as it was kept, never by way of a float.
_AS_TEXT = {"id", "work_period_id", "resource_booking_id", "status_details"}


def _payment_columns(names: tuple[str, ...]) -> str:
    return ", ".join(f"CAST(p.{name} AS text) AS {name}" if name in _AS_TEXT else f"p.{name}" for name in names)


_SHOWN_PAYMENT = columns_of(WorkPeriodPayment, but={"moved_by"})
_AS_SHOWN = [cast(each, Text).label(each.key) if each.key in _AS_TEXT else each for each in _SHOWN_PAYMENT]
PAYMENTS = ListQuery(
    rows=select(*_AS_SHOWN),
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
    select(*_PERIOD, _PAYMENTS_OF_PERIOD.label("payments")).where(WorkPeriod.id == bindparam("period_id"))
)
PAYMENT = Prepared(select(*_AS_SHOWN).where(WorkPeriodPayment.id == bindparam("payment_id")))

# What deciding on a payment needs to know of its period and booking.
_TO_DECIDE = """
    SELECT CAST(w.id AS text) AS id, w.start_date, w.days_worked, w.days_paid, w.payment_total, w.open_payments,
        w.completed_payments, CAST(b.id AS text) AS resource_booking_id, b.status AS booking_status, b.project_id,
        b.user_id, b.user_handle, b.member_rate, b.customer_rate, b.billing_account_id
    FROM work_periods w JOIN resource_bookings b ON b.id = w.resource_booking_id
"""
_PERIODS = "w.id = ANY(CAST(:period_ids AS uuid[]))"
_PERIODS_OF_PAYMENTS = """w.id IN (
    SELECT work_period_id FROM work_period_payments WHERE id = ANY(CAST(:payment_ids AS uuid[]))
)"""


def _locked(condition: str) -> AnyPrepared:
    # What is decided on is read by the second statement, once the periods are locked: a booking that was cancelled
    # while the first one waited is seen as cancelled, since whoever cancels one holds its periods.
    return Prepared(f"""
        SELECT FROM work_periods w WHERE {condition} ORDER BY w.id FOR NO KEY UPDATE;
        {_TO_DECIDE} WHERE {condition}
    """)


LOCK_PERIODS = _locked(_PERIODS)
LOCK_PERIODS_OF_PAYMENTS = _locked(_PERIODS_OF_PAYMENTS)
READ_PERIODS = Prepared(f"{_TO_DECIDE} WHERE {_PERIODS}")
PAYMENTS_TO_CHANGE = Prepared(f"""
    SELECT {_payment_columns(WRITTEN_FIELDS)} FROM work_period_payments p
    WHERE p.id = ANY(CAST(:payment_ids AS uuid[]))
""")
WRITE_PERIODS = Prepared("""
    UPDATE work_periods AS w SET days_paid = new.days_paid, payment_total = new.payment_total,
        open_payments = new.open_payments, completed_payments = new.completed_payments, updated_at = :now
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:days_paid AS int[]), CAST(:payment_total AS numeric[]),
        CAST(:open_payments AS int[]), CAST(:completed_payments AS int[])
    ) AS new (id, days_paid, payment_total, open_payments, completed_payments)
    WHERE w.id = new.id
""")
_PAYMENT_ARRAYS = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _PAYMENT_TYPES.items())
# One statement for new payments and changed ones: their rows are this transaction's alone, since their periods are.
WRITE_PAYMENTS = Prepared(f"""
    INSERT INTO work_period_payments ({", ".join(_PAYMENT_TYPES)})
    SELECT * FROM unnest({_PAYMENT_ARRAYS})
    ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _PAYMENT_TYPES if name != "id")}
""")
DUE_PERIODS = """
    SELECT CAST(w.id AS text) AS id, w.user_handle
    FROM work_periods w JOIN resource_bookings b ON b.id = w.resource_booking_id
    WHERE w.id > CAST(:after AS uuid) AND w.days_worked > w.days_paid AND w.start_date <= :today
        AND b.status <> 'cancelled' AND {conditions}
    ORDER BY w.id LIMIT :limit
"""
# Locked as they are found, in the order that everybody locks periods in: one that another call pays meanwhile is looked
# at again, is not due any more, and is left out.
LOCK_DUE_PERIODS = f"{DUE_PERIODS} FOR NO KEY UPDATE OF w"
MATCHING = {
    "status": "b.status = ANY(:status)",
    "start_date": "b.start_date = :start_date",
    "end_date": "b.end_date = :end_date",
    "rate_type": "b.rate_type = ANY(:rate_type)",
    "job_id": "b.job_id = :job_id",
    "user_id": "b.user_id = :user_id",
    "project_id": "b.project_id = :project_id",
    "project_ids": "b.project_id = ANY(:project_ids)",
    "billing_account_id": "b.billing_account_id = :billing_account_id",
    "billing_account_ids": "b.billing_account_id = ANY(:billing_account_ids)",
    "payment_status": "w.payment_status = ANY(:payment_status)",
    "period_start_date": "w.start_date = :period_start_date",
    "period_end_date": "w.end_date = :period_end_date",
    "period_end_date_to": "w.end_date <= :period_end_date_to",
    "user_handle": "fold_text(w.user_handle) = fold_text(:user_handle)",
}
