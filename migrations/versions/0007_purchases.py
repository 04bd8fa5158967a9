"""Packages of credits, the invoices, credit notes and payments of purchases, and tax rates

`btree_gist` is a trusted extension, as `pg_trgm` is.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BUYER = (
    "account_name",
    "billing_email",
    "billing_address_line1",
    "billing_address_line2",
    "billing_city",
    "billing_state",
    "billing_postal_code",
    "billing_country",
    "billing_country_code",
    "tax_id",
)


def upgrade() -> None:
    op.create_table(
        "credit_packages",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("price", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("expires_after_days", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("credits > 0", name=op.f("ck_credit_packages_credits")),
        sa.CheckConstraint("price > 0", name=op.f("ck_credit_packages_price")),
        sa.CheckConstraint("expires_after_days > 0", name=op.f("ck_credit_packages_expires_after_days")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_packages")),
        sa.UniqueConstraint("name", name=op.f("uq_credit_packages_name")),
    )
    op.execute("""
        INSERT INTO credit_packages (name, credits, price, created_at, updated_at)
        VALUES ('Starter Pack', 500, 9.00, now(), now()),
            ('Growth Pack', 2000, 29.00, now(), now()),
            ('Scale Pack', 10000, 119.00, now(), now())
    """)
    _create_documents()
    op.create_table(
        "payments",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=True),
        sa.Column("package_id", sa.BigInteger(), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("expires_after_days", sa.Integer(), nullable=True),
        sa.Column("amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("net_amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("tax_amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("lines", postgresql.JSONB(), nullable=False),
        sa.Column("tax_note", sa.String(length=500), server_default="", nullable=False),
        sa.Column("tax_country", sa.String(length=2), server_default="", nullable=False),
        sa.Column("tax_id", sa.String(length=255), server_default="", nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("payment_method", sa.String(length=16), nullable=False),
        sa.Column("gateway_key", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("gateway_reference", sa.String(length=255), nullable=True),
        sa.Column("failure", sa.String(length=500), server_default="", nullable=False),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("request_key_owner", sa.String(length=64), nullable=False),
        sa.Column("request_key", sa.String(length=255), nullable=True),
        sa.Column("lot_id", sa.BigInteger(), nullable=True),
        sa.Column("received_amount", sa.Numeric(precision=12, scale=2), nullable=True),
        sa.Column("received_on", sa.Date(), nullable=True),
        sa.Column("reference", sa.String(length=255), server_default="", nullable=False),
        sa.Column("difference_reason", sa.String(length=500), server_default="", nullable=False),
        sa.Column("amount_refunded", sa.Numeric(precision=12, scale=2), server_default="0", nullable=False),
        sa.Column("credits_refunded", sa.Integer(), server_default="0", nullable=False),
        sa.Column("amount_disputed", sa.Numeric(precision=12, scale=2), server_default="0", nullable=False),
        sa.Column("amount_charged_back", sa.Numeric(precision=12, scale=2), server_default="0", nullable=False),
        sa.Column("settled_by", sa.String(length=255), nullable=True),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refunded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("check_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("payment_method IN ('stripe', 'manual')", name=op.f("ck_payments_payment_method")),
        sa.CheckConstraint(
            "status IN ('pending', 'succeeded', 'failed', 'cancelled', 'refunding', 'partially_refunded', 'refunded',"
            " 'disputed', 'charged_back')",
            name=op.f("ck_payments_status"),
        ),
        sa.CheckConstraint("amount = net_amount + tax_amount", name=op.f("ck_payments_amount")),
        sa.CheckConstraint(
            "amount_refunded BETWEEN 0 AND least(amount, received_amount)", name=op.f("ck_payments_amount_refunded")
        ),
        sa.CheckConstraint("amount_charged_back BETWEEN 0 AND amount", name=op.f("ck_payments_amount_charged_back")),
        sa.CheckConstraint("amount_disputed BETWEEN 0 AND amount", name=op.f("ck_payments_amount_disputed")),
        sa.CheckConstraint("credits_refunded BETWEEN 0 AND credits", name=op.f("ck_payments_credits_refunded")),
        sa.CheckConstraint("received_amount > 0", name=op.f("ck_payments_received_amount")),
        sa.CheckConstraint(
            "received_amount IS NULL OR received_amount = amount OR difference_reason <> ''",
            name=op.f("ck_payments_difference_reason"),
        ),
        sa.CheckConstraint(
            "(status IN ('pending', 'failed', 'cancelled')) = (lot_id IS NULL)",
            name=op.f("ck_payments_lot_id"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["customer_accounts.id"], name=op.f("fk_payments_account_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_payments_invoice_id")),
        sa.ForeignKeyConstraint(["package_id"], ["credit_packages.id"], name=op.f("fk_payments_package_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("gateway_key", name=op.f("uq_payments_gateway_key")),
        sa.UniqueConstraint("gateway_reference", name=op.f("uq_payments_gateway_reference")),
        sa.UniqueConstraint("invoice_id", name=op.f("uq_payments_invoice_id")),
    )
    op.create_index("ix_payments_account_id", "payments", ["account_id", "created_at", "id"], unique=False)
    op.create_index("ix_payments_created_at", "payments", ["created_at", "id"], unique=False)
    op.create_index("ix_payments_status", "payments", ["status", "created_at", "id"], unique=False)
    op.create_index(
        "ix_payments_check_at",
        "payments",
        ["check_at", "id"],
        unique=False,
        postgresql_where=sa.text("check_at IS NOT NULL"),
    )
    op.create_index(
        "uq_payments_request_key", "payments", ["account_id", "request_key_owner", "request_key"], unique=True
    )
    _create_refunds()
    _create_disputes()
    op.create_table(
        "stripe_events",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("event_type", sa.String(length=255), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_events")),
    )
    op.create_index("ix_stripe_events_received_at", "stripe_events", ["received_at"], unique=False)
    for table in ("invoices", "credit_notes", "payments", "refunds", "disputes"):
        _wall_off(table)
    _fix("invoices", changing=("status", "paid_at", "amount_credited", "updated_at"), forgotten=BUYER)
    _fix("credit_notes", changing=("voided_at",), forgotten=BUYER)
    _create_tax_rates()


def downgrade() -> None:
    op.drop_table("stripe_events")
    op.drop_table("disputes")
    op.drop_table("refunds")
    op.drop_table("payments")
    op.drop_table("credit_notes")
    op.drop_table("invoices")
    op.drop_table("number_series")
    op.drop_table("tax_rates")
    op.drop_table("credit_packages")
    op.execute("DROP FUNCTION refuse_other_change()")
    op.execute("DROP EXTENSION btree_gist")


def _create_refunds() -> None:
    op.create_table(
        "refunds",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("credits", sa.Integer(), server_default="0", nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=500), server_default="", nullable=False),
        sa.Column("failure", sa.String(length=500), server_default="", nullable=False),
        sa.Column("gateway_key", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("gateway_reference", sa.String(length=255), nullable=True),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("asked_amount", sa.Numeric(precision=12, scale=2), nullable=True),
        sa.Column("asked_credits", sa.Integer(), nullable=True),
        sa.Column("request_key_owner", sa.String(length=64), nullable=True),
        sa.Column("request_key", sa.String(length=255), nullable=True),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(status = 'failed') = (failed_at IS NOT NULL)", name=op.f("ck_refunds_failed_at")),
        sa.CheckConstraint("status IN ('pending', 'succeeded', 'failed')", name=op.f("ck_refunds_status")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refunds_amount")),
        sa.CheckConstraint("credits >= 0", name=op.f("ck_refunds_credits")),
        sa.CheckConstraint("status <> 'succeeded' OR succeeded_at IS NOT NULL", name=op.f("ck_refunds_succeeded_at")),
        sa.ForeignKeyConstraint(["account_id"], ["customer_accounts.id"], name=op.f("fk_refunds_account_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_refunds_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("gateway_key", name=op.f("uq_refunds_gateway_key")),
    )
    op.create_index("ix_refunds_payment_id", "refunds", ["payment_id", "id"], unique=False)
    op.create_index("ix_refunds_gateway_reference", "refunds", ["gateway_reference"], unique=False)
    op.create_index(
        "uq_refunds_gateway_reference", "refunds", ["account_id", "payment_id", "gateway_reference"], unique=True
    )


def _create_disputes() -> None:
    op.create_table(
        "disputes",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("gateway_reference", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("frozen", sa.Integer(), server_default="0", nullable=False),
        sa.Column("credits", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('open', 'won', 'lost')", name=op.f("ck_disputes_status")),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_disputes_amount")),
        sa.CheckConstraint("credits >= 0 AND (credits = 0 OR status = 'lost')", name=op.f("ck_disputes_credits")),
        sa.CheckConstraint("frozen >= 0 AND (frozen = 0 OR status = 'open')", name=op.f("ck_disputes_frozen")),
        sa.ForeignKeyConstraint(["account_id"], ["customer_accounts.id"], name=op.f("fk_disputes_account_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_disputes_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
    )
    op.create_index(
        "uq_disputes_gateway_reference", "disputes", ["account_id", "payment_id", "gateway_reference"], unique=True
    )


def _create_documents() -> None:
    op.create_table(
        "number_series",
        sa.Column("prefix", sa.String(length=8), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("prefix", "year", name=op.f("pk_number_series")),
    )
    op.create_table(
        "invoices",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("invoice_number", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("payment_method", sa.String(length=16), nullable=False),
        sa.Column("payment_reference", sa.String(length=64), server_default="", nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("amount_credited", sa.Numeric(precision=12, scale=2), server_default="0", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        *_document(),
        sa.CheckConstraint("total_amount = net_amount + tax_amount", name=op.f("ck_invoices_total_amount")),
        sa.CheckConstraint("amount_credited BETWEEN 0 AND total_amount", name=op.f("ck_invoices_amount_credited")),
        sa.CheckConstraint(
            "status = CASE WHEN paid_at IS NULL AND amount_credited = 0 THEN 'pending'"
            " WHEN paid_at IS NULL AND amount_credited = total_amount THEN 'void'"
            " WHEN amount_credited = 0 THEN 'paid' WHEN amount_credited = total_amount THEN 'refunded'"
            " ELSE 'partially_refunded' END",
            name=op.f("ck_invoices_status"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["customer_accounts.id"], name=op.f("fk_invoices_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("invoice_number", name=op.f("uq_invoices_invoice_number")),
    )
    op.create_index("ix_invoices_account_id", "invoices", ["account_id", "created_at", "id"], unique=False)
    op.create_index("ix_invoices_created_at", "invoices", ["created_at", "id"], unique=False)
    op.create_table(
        "credit_notes",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=False),
        sa.Column("credit_note_number", sa.String(length=32), nullable=False),
        sa.Column("invoice_number", sa.String(length=32), nullable=False),
        sa.Column("invoice_issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        *_document(),
        sa.CheckConstraint("total_amount = net_amount + tax_amount", name=op.f("ck_credit_notes_total_amount")),
        sa.CheckConstraint("total_amount > 0", name=op.f("ck_credit_notes_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["customer_accounts.id"], name=op.f("fk_credit_notes_account_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_credit_notes_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_notes")),
        sa.UniqueConstraint("credit_note_number", name=op.f("uq_credit_notes_credit_note_number")),
    )
    op.create_index("ix_credit_notes_account_id", "credit_notes", ["account_id", "created_at", "id"], unique=False)
    op.create_index("ix_credit_notes_created_at", "credit_notes", ["created_at", "id"], unique=False)
    op.create_index("ix_credit_notes_invoice_id", "credit_notes", ["invoice_id", "id"], unique=False)


def _document() -> tuple[sa.Column[Any], ...]:
    """The columns that invoices and credit notes have in common."""
    return (
        sa.Column("lines", postgresql.JSONB(), nullable=False),
        sa.Column("net_amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("tax_amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("total_amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("notes", sa.String(length=1000), server_default="", nullable=False),
        sa.Column("account_name", sa.String(length=255), nullable=False),
        sa.Column("billing_email", sa.String(length=255), server_default="", nullable=False),
        sa.Column("billing_address_line1", sa.String(length=255), server_default="", nullable=False),
        sa.Column("billing_address_line2", sa.String(length=255), server_default="", nullable=False),
        sa.Column("billing_city", sa.String(length=255), server_default="", nullable=False),
        sa.Column("billing_state", sa.String(length=255), server_default="", nullable=False),
        sa.Column("billing_postal_code", sa.String(length=255), server_default="", nullable=False),
        sa.Column("billing_country", sa.String(length=255), server_default="", nullable=False),
        sa.Column("billing_country_code", sa.String(length=2), server_default="", nullable=False),
        sa.Column("tax_id", sa.String(length=255), server_default="", nullable=False),
        sa.Column("seller_name", sa.String(length=255), nullable=False),
        sa.Column("seller_address", sa.String(length=1000), server_default="", nullable=False),
        sa.Column("seller_tax_id", sa.String(length=255), server_default="", nullable=False),
        sa.Column("seller_registration", sa.String(length=255), server_default="", nullable=False),
        sa.Column("seller_bank", sa.String(length=1000), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )


def _create_tax_rates() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.create_table(
        "tax_rates",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("rate", sa.Numeric(precision=7, scale=6), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name=op.f("ck_tax_rates_country")),
        sa.CheckConstraint("rate >= 0 AND rate < 1", name=op.f("ck_tax_rates_rate")),
        sa.CheckConstraint("valid_from <= valid_to", name=op.f("ck_tax_rates_valid_to")),
        postgresql.ExcludeConstraint(
            (sa.column("country"), "="),
            (sa.text("daterange(valid_from, valid_to, '[]')"), "&&"),
            name="ex_tax_rates_valid",
            using="gist",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tax_rates")),
    )


def _wall_off(table: str, column: str = "account_id") -> None:
    """Show rows of `table` only to transactions that act for their account; also to the owner of the table."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    # No subquery, which a distributed database refuses in a policy. The planner takes a CASE for half of the rows;
    # an equation would be multiplied with that of the statement, which names the account, too.
    op.execute(f"""
        CREATE POLICY own_account ON {table} USING (
            CASE current_setting('billing.account_id', true)
                WHEN CAST({column} AS text) THEN true WHEN '*' THEN true ELSE false END
        )
    """)
    # Staff read all accounts, and change nothing by that.
    op.execute(f"CREATE POLICY desk ON {table} FOR SELECT USING (current_setting('billing.desk', true) = 'on')")


def _fix(table: str, *, changing: tuple[str, ...], forgotten: tuple[str, ...]) -> None:
    """Refuse changes of `table` in other columns than those named; the others of them can be emptied, all together."""
    op.execute("""
        CREATE OR REPLACE FUNCTION refuse_other_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF to_jsonb(OLD) - TG_ARGV IS DISTINCT FROM to_jsonb(NEW) - TG_ARGV THEN
                RAISE EXCEPTION 'only % of % ever change', array_to_string(TG_ARGV, ', '), TG_TABLE_NAME
                    USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        END $$
    """)
    is_forgotten = " AND ".join(f"NEW.{column} = ''" for column in forgotten)
    for trigger, condition, columns in (
        ("fixed", f"NOT ({is_forgotten})", changing),
        ("forgotten", is_forgotten, (*changing, *forgotten)),
    ):
        arguments = ", ".join(f"'{column}'" for column in columns)
        op.execute(f"""
            CREATE TRIGGER {trigger} BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({condition})
            EXECUTE FUNCTION refuse_other_change({arguments})
        """)
