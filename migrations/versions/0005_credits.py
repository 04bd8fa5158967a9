"""Customer accounts, prepaid credits and purchases, walled off from each other by row-level security"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# By table, the column that says whose a row is.
TENANT_TABLES = {
    "customer_accounts": "id",
    "account_members": "account_id",
    "credit_balances": "account_id",
    "credit_daily_totals": "account_id",
    "credit_transactions": "account_id",
    "plan_grants": "account_id",
    "invoices": "account_id",
    "payments": "account_id",
}


def upgrade() -> None:
    op.create_table(
        "credit_packages",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("price", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("credits > 0", name=op.f("ck_credit_packages_credits")),
        sa.CheckConstraint("price > 0", name=op.f("ck_credit_packages_price")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_packages")),
        sa.UniqueConstraint("name", name=op.f("uq_credit_packages_name")),
    )
    op.create_table(
        "customer_accounts",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("slug", sa.String(length=80), nullable=False),
        sa.Column("billing_email", sa.String(length=255), nullable=True),
        sa.Column("billing_address_line1", sa.String(length=255), nullable=True),
        sa.Column("billing_address_line2", sa.String(length=255), nullable=True),
        sa.Column("billing_city", sa.String(length=255), nullable=True),
        sa.Column("billing_state", sa.String(length=255), nullable=True),
        sa.Column("billing_postal_code", sa.String(length=255), nullable=True),
        sa.Column("billing_country", sa.String(length=255), nullable=True),
        sa.Column("tax_id", sa.String(length=255), nullable=True),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_accounts")),
        sa.UniqueConstraint("slug", name=op.f("uq_customer_accounts_slug")),
    )
    op.create_table(
        "invoice_counters",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("year", name=op.f("pk_invoice_counters")),
    )
    op.create_table(
        "plans",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("credits_per_month", sa.Integer(), nullable=False),
        sa.Column("usd_per_credit", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("credits_per_month >= 0", name=op.f("ck_plans_credits_per_month")),
        sa.CheckConstraint("usd_per_credit >= 0", name=op.f("ck_plans_usd_per_credit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
        sa.UniqueConstraint("name", name=op.f("uq_plans_name")),
    )
    op.create_index("uq_plans_default", "plans", ["is_default"], unique=True, postgresql_where=sa.text("is_default"))
    op.create_table(
        "stripe_events",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("event_type", sa.String(length=255), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_events")),
    )
    op.create_table(
        "account_members",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=True),
        sa.Column("email", sa.String(length=255), nullable=True),
        sa.Column("first_name", sa.String(length=255), nullable=True),
        sa.Column("last_name", sa.String(length=255), nullable=True),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("is_staff", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("invited_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("date_joined", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('owner', 'admin', 'member')", name=op.f("ck_account_members_role")),
        sa.CheckConstraint("(user_id IS NULL) = (date_joined IS NULL)", name=op.f("ck_account_members_joined")),
        sa.CheckConstraint("user_id IS NOT NULL OR email IS NOT NULL", name=op.f("ck_account_members_known")),
        sa.ForeignKeyConstraint(["account_id"], ["customer_accounts.id"], name=op.f("fk_account_members_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_members")),
    )
    op.create_index(
        "ix_account_members_invited",
        "account_members",
        [sa.literal_column("lower(email)")],
        unique=False,
        postgresql_where=sa.text("user_id IS NULL"),
    )
    op.create_index(
        "uq_account_members_email", "account_members", ["account_id", sa.literal_column("lower(email)")], unique=True
    )
    op.create_index("uq_account_members_user_id", "account_members", ["user_id", "account_id"], unique=True)
    op.create_table(
        "credit_balances",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("credits", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("transactions", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("credits >= 0", name=op.f("ck_credit_balances_credits")),
        sa.ForeignKeyConstraint(["account_id"], ["customer_accounts.id"], name=op.f("fk_credit_balances_account_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_credit_balances_plan_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_credit_balances")),
    )
    op.create_table(
        "credit_daily_totals",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("transaction_type", sa.String(length=16), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["customer_accounts.id"], name=op.f("fk_credit_daily_totals_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "day", "transaction_type", name=op.f("pk_credit_daily_totals")),
    )
    op.create_table(
        "credit_transactions",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("transaction_type", sa.String(length=16), nullable=False),
        sa.Column("description", sa.String(length=1000), nullable=True),
        sa.Column("operation_type", sa.String(length=255), nullable=True),
        sa.Column("cost_usd", sa.Numeric(precision=15, scale=2), nullable=True),
        sa.Column("usage_key", sa.String(length=255), nullable=True),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(transaction_type = 'deduction') = (operation_type IS NOT NULL AND cost_usd IS NOT NULL AND amount < 0)",
            name=op.f("ck_credit_transactions_deduction"),
        ),
        sa.CheckConstraint(
            "transaction_type IN ('grant', 'purchase', 'deduction', 'refund', 'adjustment')",
            name=op.f("ck_credit_transactions_transaction_type"),
        ),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_credit_transactions_amount")),
        sa.CheckConstraint("balance_after >= 0", name=op.f("ck_credit_transactions_balance_after")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["customer_accounts.id"], name=op.f("fk_credit_transactions_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "position", name=op.f("pk_credit_transactions")),
    )
    op.create_index(
        "ix_credit_transactions_created_at",
        "credit_transactions",
        ["account_id", "created_at", "position"],
        unique=False,
    )
    op.create_index(
        "ix_credit_transactions_operation_type",
        "credit_transactions",
        ["account_id", "operation_type", "position"],
        unique=False,
        postgresql_where=sa.text("operation_type IS NOT NULL"),
    )
    op.create_index(
        "ix_credit_transactions_type",
        "credit_transactions",
        ["account_id", "transaction_type", "position"],
        unique=False,
    )
    op.create_index(
        "uq_credit_transactions_usage_key",
        "credit_transactions",
        ["account_id", "usage_key"],
        unique=True,
        postgresql_where=sa.text("usage_key IS NOT NULL"),
    )
    op.create_table(
        "invoices",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("invoice_number", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("total_amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("account_name", sa.String(length=255), nullable=False),
        sa.Column("billing_email", sa.String(length=255), nullable=True),
        sa.Column("billing_address_line1", sa.String(length=255), nullable=True),
        sa.Column("billing_address_line2", sa.String(length=255), nullable=True),
        sa.Column("billing_city", sa.String(length=255), nullable=True),
        sa.Column("billing_state", sa.String(length=255), nullable=True),
        sa.Column("billing_postal_code", sa.String(length=255), nullable=True),
        sa.Column("billing_country", sa.String(length=255), nullable=True),
        sa.Column("tax_id", sa.String(length=255), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('pending', 'paid', 'void', 'refunded')", name=op.f("ck_invoices_status")),
        sa.ForeignKeyConstraint(["account_id"], ["customer_accounts.id"], name=op.f("fk_invoices_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("invoice_number", name=op.f("uq_invoices_invoice_number")),
    )
    op.create_index("ix_invoices_account_id", "invoices", ["account_id", "created_at", "id"], unique=False)
    op.create_table(
        "plan_grants",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["customer_accounts.id"], name=op.f("fk_plan_grants_account_id")),
        sa.PrimaryKeyConstraint("account_id", "month", name=op.f("pk_plan_grants")),
    )
    op.create_table(
        "payments",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("package_id", sa.Uuid(), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("payment_method", sa.String(length=16), nullable=False),
        sa.Column("gateway_reference", sa.String(length=255), nullable=True),
        sa.Column("failure", sa.String(length=500), nullable=True),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("request_key", sa.String(length=255), nullable=True),
        sa.Column("refund_requested_by", sa.String(length=255), nullable=True),
        sa.Column("refund_key", sa.String(length=255), nullable=True),
        sa.Column("settled_by", sa.String(length=255), nullable=True),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refunded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("payment_method IN ('stripe', 'manual')", name=op.f("ck_payments_payment_method")),
        sa.CheckConstraint(
            "status IN ('pending', 'succeeded', 'failed', 'cancelled', 'refunding', 'refunded')",
            name=op.f("ck_payments_status"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["customer_accounts.id"], name=op.f("fk_payments_account_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_payments_invoice_id")),
        sa.ForeignKeyConstraint(["package_id"], ["credit_packages.id"], name=op.f("fk_payments_package_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("gateway_reference", name=op.f("uq_payments_gateway_reference")),
        sa.UniqueConstraint("invoice_id", name=op.f("uq_payments_invoice_id")),
    )
    op.create_index("ix_payments_account_id", "payments", ["account_id", "created_at", "id"], unique=False)
    op.create_index(
        "ix_payments_open",
        "payments",
        ["id"],
        unique=False,
        postgresql_where=sa.text("status IN ('pending', 'failed', 'refunding')"),
    )
    op.create_index("uq_payments_request_key", "payments", ["account_id", "requested_by", "request_key"], unique=True)
    for table, column in TENANT_TABLES.items():
        _wall_off(table, column)
    _append_only("credit_transactions")
    op.execute("""
        INSERT INTO plans (name, credits_per_month, usd_per_credit, is_default, created_at, updated_at)
        VALUES ('Free', 100, 0.02, true, now(), now())
    """)
    op.execute("""
        INSERT INTO credit_packages (name, credits, price, created_at, updated_at)
        VALUES ('Starter Pack', 500, 9.00, now(), now()),
            ('Growth Pack', 2000, 29.00, now(), now()),
            ('Scale Pack', 10000, 119.00, now(), now())
    """)


def downgrade() -> None:
    for table in (
        "payments",
        "plan_grants",
        "invoices",
        "credit_transactions",
        "credit_daily_totals",
        "credit_balances",
        "account_members",
        "stripe_events",
        "plans",
        "invoice_counters",
        "customer_accounts",
        "credit_packages",
    ):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_change()")


def _wall_off(table: str, column: str) -> None:
    """Show rows of `table` only to transactions that act for their account; also to the owner of the table."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    # The settings are read once for a statement, not once for a row.
    op.execute(f"""
        CREATE POLICY own_account ON {table} USING (
            {column} = (SELECT CAST(nullif(nullif(current_setting('billing.account_id', true), ''), '*') AS uuid))
            OR (SELECT current_setting('billing.account_id', true) = '*')
        )
    """)


def _append_only(table: str) -> None:
    op.execute("""
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
        END $$
    """)
    op.execute(f"""
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """)
