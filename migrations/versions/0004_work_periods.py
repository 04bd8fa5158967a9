"""Resource bookings, work periods, and payments for them that hold budget"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COUNTED = ("resource_bookings", "work_periods", "work_period_payments")
MILLISECONDS = postgresql.TIMESTAMP(timezone=True, precision=3)
PERIOD_STATUS = """CASE
    WHEN open_payments > 0 THEN 'in-progress'
    WHEN completed_payments > 0 AND days_worked <= days_paid THEN 'completed'
    WHEN completed_payments > 0 THEN 'partially-completed'
    WHEN days_worked > days_paid THEN 'pending'
    ELSE 'no-days' END"""


def upgrade() -> None:
    op.create_table(
        "resource_bookings",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("user_handle", sa.String(length=255), nullable=True),
        sa.Column("job_id", sa.String(length=255), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=True),
        sa.Column("end_date", sa.Date(), nullable=True),
        sa.Column("member_rate", sa.Numeric(precision=15, scale=4), nullable=True),
        sa.Column("customer_rate", sa.Numeric(precision=15, scale=4), nullable=True),
        sa.Column("rate_type", sa.String(length=16), nullable=False),
        sa.Column("billing_account_id", sa.Integer(), nullable=True),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("updated_by", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "rate_type IN ('hourly', 'daily', 'weekly', 'monthly', 'annual')",
            name=op.f("ck_resource_bookings_rate_type"),
        ),
        sa.CheckConstraint("status IN ('placed', 'closed', 'cancelled')", name=op.f("ck_resource_bookings_status")),
        sa.CheckConstraint("customer_rate >= 0", name=op.f("ck_resource_bookings_customer_rate")),
        sa.CheckConstraint("member_rate >= 0", name=op.f("ck_resource_bookings_member_rate")),
        sa.CheckConstraint("start_date <= end_date", name=op.f("ck_resource_bookings_dates")),
        sa.ForeignKeyConstraint(
            ["billing_account_id"], ["billing_accounts.id"], name=op.f("fk_resource_bookings_billing_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resource_bookings")),
    )
    op.create_index("ix_resource_bookings_created_at", "resource_bookings", ["created_at", "id"], unique=False)
    op.create_index("ix_resource_bookings_end_date", "resource_bookings", ["end_date", "id"], unique=False)
    op.create_index("ix_resource_bookings_job_id", "resource_bookings", ["job_id", "id"], unique=False)
    op.create_index("ix_resource_bookings_project_id", "resource_bookings", ["project_id", "id"], unique=False)
    op.create_index("ix_resource_bookings_start_date", "resource_bookings", ["start_date", "id"], unique=False)
    op.create_index("ix_resource_bookings_status", "resource_bookings", ["status", "id"], unique=False)
    op.create_index("ix_resource_bookings_user_id", "resource_bookings", ["user_id", "id"], unique=False)
    op.create_index(
        "ix_resource_bookings_user_handle",
        "resource_bookings",
        [sa.literal_column("fold_text(user_handle)"), "id"],
        unique=False,
    )
    op.create_table(
        "work_periods",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("resource_booking_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("user_handle", sa.String(length=255), nullable=True),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column("days_worked", sa.Integer(), nullable=False),
        sa.Column("days_paid", sa.Integer(), server_default="0", nullable=False),
        sa.Column("payment_total", sa.Numeric(precision=19, scale=4), server_default="0", nullable=False),
        sa.Column("open_payments", sa.Integer(), server_default="0", nullable=False),
        sa.Column("completed_payments", sa.Integer(), server_default="0", nullable=False),
        sa.Column("payment_status", sa.String(length=32), sa.Computed(PERIOD_STATUS, persisted=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("days_paid BETWEEN 0 AND days_worked", name=op.f("ck_work_periods_days_paid")),
        sa.CheckConstraint("days_worked BETWEEN 0 AND 10", name=op.f("ck_work_periods_days_worked")),
        sa.CheckConstraint("end_date = start_date + 6", name=op.f("ck_work_periods_week")),
        sa.CheckConstraint("payment_total >= 0", name=op.f("ck_work_periods_payment_total")),
        sa.ForeignKeyConstraint(
            ["resource_booking_id"], ["resource_bookings.id"], name=op.f("fk_work_periods_resource_booking_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_periods")),
    )
    op.create_index("ix_work_periods_created_at", "work_periods", ["created_at", "id"], unique=False)
    op.create_index("ix_work_periods_end_date", "work_periods", ["end_date", "id"], unique=False)
    op.create_index("ix_work_periods_payment_status", "work_periods", ["payment_status", "id"], unique=False)
    op.create_index("ix_work_periods_project_id", "work_periods", ["project_id", "id"], unique=False)
    op.create_index("ix_work_periods_start_date", "work_periods", ["start_date", "id"], unique=False)
    op.create_index(
        "ix_work_periods_user_handle", "work_periods", [sa.literal_column("fold_text(user_handle)"), "id"], unique=False
    )
    op.create_index("uq_work_periods_week", "work_periods", ["resource_booking_id", "start_date"], unique=True)
    op.create_table(
        "work_period_payments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_period_id", sa.Uuid(), nullable=False),
        sa.Column("resource_booking_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("user_handle", sa.String(length=255), nullable=True),
        sa.Column("challenge_id", sa.String(length=255), nullable=True),
        sa.Column("member_rate", sa.Numeric(precision=15, scale=4), nullable=True),
        sa.Column("customer_rate", sa.Numeric(precision=15, scale=4), nullable=True),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=13, scale=2), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("status_details", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("external_reference", sa.String(length=255), nullable=True),
        sa.Column("billing_account_id", sa.Integer(), nullable=False),
        sa.Column("moved_by", sa.String(length=64), nullable=True),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("updated_by", sa.String(length=255), nullable=True),
        sa.Column("completed_at", MILLISECONDS, nullable=True),
        sa.Column("cancelled_at", MILLISECONDS, nullable=True),
        sa.Column("created_at", MILLISECONDS, nullable=False),
        sa.Column("updated_at", MILLISECONDS, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "status IN ('scheduled', 'in-progress', 'completed', 'failed', 'cancelled')",
            name=op.f("ck_work_period_payments_status"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_work_period_payments_amount")),
        sa.CheckConstraint("customer_rate >= 0", name=op.f("ck_work_period_payments_customer_rate")),
        sa.CheckConstraint("days BETWEEN 0 AND 10", name=op.f("ck_work_period_payments_days")),
        sa.CheckConstraint("member_rate >= 0", name=op.f("ck_work_period_payments_member_rate")),
        sa.CheckConstraint(
            "days = 0 OR coalesce(member_rate, 0) > 0", name=op.f("ck_work_period_payments_days_have_a_rate")
        ),
        sa.CheckConstraint(
            "status <> 'completed' OR completed_at IS NOT NULL", name=op.f("ck_work_period_payments_completed_at")
        ),
        sa.CheckConstraint(
            "(status = 'cancelled') = (cancelled_at IS NOT NULL)", name=op.f("ck_work_period_payments_cancelled_at")
        ),
        sa.ForeignKeyConstraint(
            ["billing_account_id"],
            ["billing_accounts.id"],
            name=op.f("fk_work_period_payments_billing_account_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["resource_booking_id"],
            ["resource_bookings.id"],
            name=op.f("fk_work_period_payments_resource_booking_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["work_period_id"],
            ["work_periods.id"],
            name=op.f("fk_work_period_payments_work_period_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_period_payments")),
    )
    op.create_index("ix_work_period_payments_amount", "work_period_payments", ["amount", "id"], unique=False)
    op.create_index(
        "ix_work_period_payments_completed_at", "work_period_payments", ["completed_at", "id"], unique=False
    )
    op.create_index("ix_work_period_payments_created_at", "work_period_payments", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_work_period_payments_external_reference",
        "work_period_payments",
        ["external_reference", "id"],
        unique=False,
        postgresql_where=sa.text("external_reference IS NOT NULL"),
    )
    op.create_index("ix_work_period_payments_updated_at", "work_period_payments", ["updated_at", "id"], unique=False)
    for column in ("billing_account_id", "project_id", "resource_booking_id", "status", "user_id", "work_period_id"):
        op.create_index(
            f"ix_work_period_payments_{column}", "work_period_payments", [column, "created_at", "id"], unique=False
        )
    op.create_index(
        "ix_work_period_payments_user_handle",
        "work_period_payments",
        [sa.literal_column("fold_text(user_handle)"), "created_at", "id"],
        unique=False,
    )
    for table in COUNTED:
        op.execute(f"CALL count_rows_of('{table}')")


def downgrade() -> None:
    op.execute("DELETE FROM budget_lines WHERE external_type = 'WORK_PERIOD_PAYMENT'")
    for table in reversed(COUNTED):
        op.drop_table(table)
        op.execute(f"DELETE FROM row_counts WHERE table_name = '{table}'")
