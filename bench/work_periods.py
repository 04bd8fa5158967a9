"""Many bookings, work periods and payments, made by the database itself."""

from sqlalchemy import text

from app.db.base import db

WEEKS = 4
_LOAD = {
    "resource_bookings": """
    INSERT INTO resource_bookings (id, project_id, user_id, user_handle, job_id, status, start_date, end_date,
        member_rate, rate_type, billing_account_id, created_by, created_at, updated_at)
    SELECT uuidv7(), n % 1000, 'user-' || n % 5000, 'handle-' || n % 5000, 'job-' || n % 3000,
        CASE n % 50 WHEN 0 THEN 'closed' ELSE 'placed' END, date '2000-01-02' + 7 * (n % 1000), NULL,
        500, CASE n % 100 WHEN 0 THEN 'annual' ELSE 'weekly' END, 1, 'bench', now() - n * interval '1 minute', now()
    FROM generate_series(1, :bookings) AS n
    """,
    "work_periods": f"""
    INSERT INTO work_periods (resource_booking_id, project_id, user_handle, start_date, end_date, days_worked,
        created_at, updated_at)
    SELECT id, project_id, user_handle, start_date + 7 * week, start_date + 7 * week + 6, 5, created_at, now()
    FROM resource_bookings, generate_series(1, {WEEKS}) AS week
    """,
    "work_period_payments": """
    INSERT INTO work_period_payments (id, work_period_id, resource_booking_id, project_id, user_id, user_handle,
        member_rate, days, amount, status, billing_account_id, created_by, cancelled_at, created_at, updated_at)
    SELECT uuidv7(), w.id, b.id, b.project_id, b.user_id, b.user_handle,
        500, 0, 1 + n % 997, CASE n % 50 WHEN 0 THEN 'failed' ELSE 'cancelled' END, 1 + n % :accounts, 'bench',
        CASE n % 50 WHEN 0 THEN NULL ELSE w.created_at END, w.created_at, w.updated_at + n * interval '1 second'
    FROM (SELECT *, row_number() OVER () AS n FROM work_periods, generate_series(1, :payments_each)) AS w
    JOIN resource_bookings b ON b.id = w.resource_booking_id
    """,
}


def load(*, bookings: int, payments_each: int, accounts: int) -> None:
    """Load so many bookings of four weeks with payments, in the session's transaction; the accounts must be there."""
    values = {"bookings": bookings, "payments_each": payments_each, "accounts": accounts}
    for table, statement in _LOAD.items():
        db.session.execute(text(statement), values)
        # At once: the next statement joins it, and would be planned as if it were empty.
        db.session.execute(text(f"ANALYZE {table}"))
