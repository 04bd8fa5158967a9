"""Reading bookings, work periods and payments."""

from app.db import json_rows
from app.db.paging import ListQuery
from app.db.prepared import Prepared

BOOKINGS = ListQuery(
    columns="""
        b.id, b.project_id, b.user_id, b.user_handle, b.job_id, b.status, b.start_date, b.end_date, b.member_rate,
        b.customer_rate, b.rate_type, b.billing_account_id, b.created_by, b.updated_by, b.created_at, b.updated_at
    """,
    source="resource_bookings b",
    key="b.id",
    joins="JOIN resource_bookings b ON b.id = page.key",
    filters={
        "project_id": "b.project_id = :project_id",
        "project_ids": "b.project_id = ANY(:project_ids)",
        "user_id": "b.user_id = :user_id",
        "job_id": "b.job_id = :job_id",
        "status": "b.status = :status",
        "rate_type": "b.rate_type = :rate_type",
    },
    sorts={
        "start_date": "b.start_date",
        "end_date": "b.end_date",
        "created_at": "b.created_at",
        "project_id": "b.project_id",
        "status": "b.status",
    },
    default_sort="created_at",
)
PERIOD_COLUMNS = """
    w.id, w.resource_booking_id, w.user_handle, w.project_id, w.start_date, w.end_date, w.days_worked, w.days_paid,
    w.payment_total, w.payment_status, w.created_at, w.updated_at
"""
PERIODS = ListQuery(
    columns=PERIOD_COLUMNS,
    source="work_periods w",
    key="w.id",
    joins="JOIN work_periods w ON w.id = page.key",
    filters={
        "resource_booking_id": "w.resource_booking_id = CAST(:resource_booking_id AS uuid)",
        "resource_booking_ids": "w.resource_booking_id = ANY(CAST(:resource_booking_ids AS uuid[]))",
        "project_id": "w.project_id = :project_id",
        "project_ids": "w.project_id = ANY(:project_ids)",
        "user_handle": "fold_text(w.user_handle) = fold_text(:user_handle)",
        "payment_status": "w.payment_status = :payment_status",
        "start_date": "w.start_date = :start_date",
        "end_date": "w.end_date = :end_date",
    },
    sorts={
        "start_date": "w.start_date",
        "end_date": "w.end_date",
        "created_at": "w.created_at",
        "user_handle": "fold_text(w.user_handle)",
        "payment_status": "w.payment_status",
    },
    default_sort="start_date",
)
PAYMENT_FIELDS = (
    "id",
    "work_period_id",
    "challenge_id",
    "member_rate",
    "customer_rate",
    "days",
    "amount",
    "status",
    "status_details",
    "billing_account_id",
    "created_by",
    "updated_by",
    "created_at",
    "updated_at",
)
# Ids are compared with those that callers sent; JSON leaves as it was kept, never by way of a float.
_AS_TEXT = {"id", "work_period_id", "status_details"}
_PAYMENT_COLUMNS = ", ".join(
    f"CAST(p.{name} AS text) AS {name}" if name in _AS_TEXT else f"p.{name}" for name in PAYMENT_FIELDS
)
PAYMENTS = ListQuery(
    columns=_PAYMENT_COLUMNS,
    source="work_period_payments p",
    key="p.id",
    joins="JOIN work_period_payments p ON p.id = page.key",
    filters={
        "status": "p.status = :status",
        "work_period_id": "p.work_period_id = CAST(:work_period_id AS uuid)",
        "work_period_ids": "p.work_period_id = ANY(CAST(:work_period_ids AS uuid[]))",
        "billing_account_id": "p.billing_account_id = :billing_account_id",
    },
    sorts={
        "status": "p.status",
        "amount": "p.amount",
        "created_at": "p.created_at",
        "updated_at": "p.updated_at",
    },
    default_sort="created_at",
)
_JSON_PAYMENT = {
    **{name: json_rows.value(f"p.{name}") for name in PAYMENT_FIELDS},
    **{name: json_rows.amount(f"p.{name}") for name in ("member_rate", "amount")},
    "customer_rate": json_rows.or_null(json_rows.amount("p.customer_rate")),
    **{name: json_rows.time(f"p.{name}") for name in ("created_at", "updated_at")},
}
_PAYMENTS_OF_PERIOD = f"""(
    SELECT {json_rows.json_list(json_rows.json_object(_JSON_PAYMENT), order_by="p.created_at, p.id")}
    FROM work_period_payments p WHERE p.work_period_id = w.id
)"""

PERIOD = Prepared(
    f"SELECT {PERIOD_COLUMNS}, {_PAYMENTS_OF_PERIOD} AS payments FROM work_periods w WHERE w.id = :period_id"
)
PAYMENT = Prepared(f"SELECT {_PAYMENT_COLUMNS} FROM work_period_payments p WHERE p.id = :payment_id")

# What deciding on a payment needs to know of its period and booking.
_TO_DECIDE = """
    SELECT CAST(w.id AS text) AS id, w.start_date, w.days_worked, w.days_paid, w.payment_total, w.open_payments,
        w.completed_payments, b.member_rate, b.customer_rate, b.billing_account_id
    FROM work_periods w JOIN resource_bookings b ON b.id = w.resource_booking_id
"""
LOCK_PERIODS = Prepared(
    f"{_TO_DECIDE} WHERE w.id = ANY(CAST(:period_ids AS uuid[])) ORDER BY w.id FOR NO KEY UPDATE OF w"
)
LOCK_PERIODS_OF_PAYMENTS = Prepared(f"""
    {_TO_DECIDE} WHERE w.id IN (
        SELECT work_period_id FROM work_period_payments WHERE id = ANY(CAST(:payment_ids AS uuid[]))
    ) ORDER BY w.id FOR NO KEY UPDATE OF w
""")
PAYMENTS_TO_CHANGE = Prepared(
    f"SELECT {_PAYMENT_COLUMNS} FROM work_period_payments p WHERE p.id = ANY(CAST(:payment_ids AS uuid[]))"
)
WRITE_PERIODS = Prepared("""
    UPDATE work_periods AS w SET days_paid = new.days_paid, payment_total = new.payment_total,
        open_payments = new.open_payments, completed_payments = new.completed_payments, updated_at = :now
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:days_paid AS int[]), CAST(:payment_total AS numeric[]),
        CAST(:open_payments AS int[]), CAST(:completed_payments AS int[])
    ) AS new (id, days_paid, payment_total, open_payments, completed_payments)
    WHERE w.id = new.id
""")
_PAYMENT_TYPES = {
    "id": "uuid",
    "work_period_id": "uuid",
    "member_rate": "numeric",
    "customer_rate": "numeric",
    "days": "int",
    "amount": "numeric",
    "status": "text",
    "status_details": "jsonb",
    "billing_account_id": "int",
    "created_by": "text",
    "updated_by": "text",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
}
_PAYMENT_ARRAYS = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _PAYMENT_TYPES.items())
WRITTEN_FIELDS = tuple(_PAYMENT_TYPES)
# One statement for new payments and changed ones: their rows are this transaction's alone, since their periods are.
WRITE_PAYMENTS = Prepared(f"""
    INSERT INTO work_period_payments ({", ".join(_PAYMENT_TYPES)})
    SELECT * FROM unnest({_PAYMENT_ARRAYS})
    ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _PAYMENT_TYPES if name != "id")}
""")
# Locked as they are found, in the order that everybody locks periods in: one that another call pays meanwhile is looked
# at again, is not due any more, and is left out.
DUE_PERIODS = """
    SELECT CAST(w.id AS text) FROM work_periods w JOIN resource_bookings b ON b.id = w.resource_booking_id
    WHERE w.id > CAST(:after AS uuid) AND w.days_worked > w.days_paid AND w.start_date <= :today AND {conditions}
    ORDER BY w.id LIMIT :limit FOR NO KEY UPDATE OF w
"""
MATCHING = {
    "status": "b.status = :status",
    "start_date": "b.start_date = :start_date",
    "end_date": "b.end_date = :end_date",
    "rate_type": "b.rate_type = :rate_type",
    "job_id": "b.job_id = :job_id",
    "user_id": "b.user_id = :user_id",
    "project_id": "b.project_id = :project_id",
    "project_ids": "b.project_id = ANY(:project_ids)",
    "payment_status": "w.payment_status = :payment_status",
    "period_start_date": "w.start_date = :period_start_date",
    "period_end_date": "w.end_date = :period_end_date",
    "user_handle": "fold_text(w.user_handle) = fold_text(:user_handle)",
}
