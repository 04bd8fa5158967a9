"""Plans, prepaid credits and the transactions that change them"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "plans",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("credits_per_month", sa.Integer(), nullable=False),
        sa.Column("usd_per_credit", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("rollover", sa.String(length=16), server_default="all", nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("credits_per_month >= 0", name=op.f("ck_plans_credits_per_month")),
        sa.CheckConstraint("usd_per_credit >= 0", name=op.f("ck_plans_usd_per_credit")),
        sa.CheckConstraint("rollover IN ('all', 'none') OR rollover ~ '^[0-9]{1,9}$'", name=op.f("ck_plans_rollover")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
        sa.UniqueConstraint("name", name=op.f("uq_plans_name")),
    )
    op.create_index("uq_plans_default", "plans", ["is_default"], unique=True, postgresql_where=sa.text("is_default"))
    op.execute("""
        INSERT INTO plans (name, credits_per_month, usd_per_credit, is_default, created_at, updated_at)
        VALUES ('Free', 100, 0.01, true, now(), now())
    """)
    op.create_table(
        "plan_terms",
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("credits_per_month", sa.Integer(), nullable=False),
        sa.Column("rollover", sa.String(length=16), server_default="all", nullable=False),
        sa.CheckConstraint("credits_per_month >= 0", name=op.f("ck_plan_terms_credits_per_month")),
        sa.CheckConstraint(
            "rollover IN ('all', 'none') OR rollover ~ '^[0-9]{1,9}$'", name=op.f("ck_plan_terms_rollover")
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_plan_terms_plan_id")),
        sa.PrimaryKeyConstraint("plan_id", "valid_from", name=op.f("pk_plan_terms")),
    )
    op.execute("""
        INSERT INTO plan_terms (plan_id, valid_from, credits_per_month)
        SELECT id, '0001-01-01', credits_per_month FROM plans
    """)
    op.create_table(
        "plan_assignments",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["customer_accounts.id"], name=op.f("fk_plan_assignments_account_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_plan_assignments_plan_id")),
        sa.PrimaryKeyConstraint("account_id", "valid_from", name=op.f("pk_plan_assignments")),
    )
    op.create_table(
        "credit_balances",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), server_default="active", nullable=False),
        sa.Column("credits", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("held", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("frozen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("debt", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("transactions", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_capped", sa.Boolean(), server_default="false", nullable=False),
        sa.CheckConstraint("credits >= 0", name=op.f("ck_credit_balances_credits")),
        sa.CheckConstraint("held BETWEEN 0 AND credits", name=op.f("ck_credit_balances_held")),
        sa.CheckConstraint("frozen BETWEEN 0 AND credits - held", name=op.f("ck_credit_balances_frozen")),
        sa.CheckConstraint("debt >= 0", name=op.f("ck_credit_balances_debt")),
        sa.ForeignKeyConstraint(
            ["account_id", "status"],
            ["customer_accounts.id", "customer_accounts.status"],
            name=op.f("fk_credit_balances_account_id"),
            onupdate="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_credit_balances")),
    )
    _create_lots()
    _create_holds()
    _create_caps()
    op.create_table(
        "credit_transactions",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("transaction_type", sa.String(length=16), nullable=False),
        sa.Column("description", sa.String(length=1000), server_default="", nullable=False),
        sa.Column("operation_type", sa.String(length=255), nullable=True),
        sa.Column("cost_usd", sa.Numeric(precision=19, scale=6), nullable=True),
        sa.Column("usage_key", sa.String(length=255), nullable=True),
        sa.Column("usage_key_owner", sa.String(length=64), nullable=True),
        sa.Column("user_id", sa.String(length=255), server_default="", nullable=False),
        sa.Column("key_id", sa.BigInteger(), nullable=True),
        sa.Column("hold_id", sa.BigInteger(), nullable=True),
        sa.Column("reverses", sa.BigInteger(), nullable=True),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("lot_ids", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("lot_credits", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.LargeBinary(), nullable=False),
        sa.Column("actor_kind", sa.String(length=8), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "(transaction_type = 'deduction') = (operation_type IS NOT NULL AND cost_usd IS NOT NULL AND amount < 0)",
            name=op.f("ck_credit_transactions_deduction"),
        ),
        sa.CheckConstraint(
            "transaction_type IN ('grant', 'purchase', 'deduction', 'refund', 'adjustment', 'expiry', 'void',"
            " 'chargeback', 'debt_payment')",
            name=op.f("ck_credit_transactions_transaction_type"),
        ),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_credit_transactions_amount")),
        sa.CheckConstraint(
            "(usage_key IS NULL) = (usage_key_owner IS NULL)", name=op.f("ck_credit_transactions_usage_key")
        ),
        sa.CheckConstraint("balance_after >= 0", name=op.f("ck_credit_transactions_balance_after")),
        sa.CheckConstraint(
            "cardinality(lot_ids) > 0 AND cardinality(lot_ids) = cardinality(lot_credits)",
            name=op.f("ck_credit_transactions_lots"),
        ),
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
        "ix_credit_transactions_ranges",
        "credit_transactions",
        ["created_at", "id"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    op.create_index(
        "ix_credit_transactions_claims",
        "credit_transactions",
        ["account_id"],
        unique=False,
        postgresql_where=sa.text("transaction_type IN ('refund', 'chargeback') AND reverses IS NULL"),
    )
    # Of one list of all that was changed.
    op.create_index(
        "ix_credit_transactions_at", "credit_transactions", [sa.text("timezone('UTC', created_at)")], unique=False
    )
    op.create_index("uq_credit_transactions_id", "credit_transactions", ["account_id", "id"], unique=True)
    op.create_index(
        "ix_credit_transactions_reverses",
        "credit_transactions",
        ["account_id", "reverses"],
        unique=False,
        postgresql_where=sa.text("reverses IS NOT NULL"),
    )
    op.create_index(
        "uq_credit_transactions_usage_key",
        "credit_transactions",
        ["account_id", "usage_key_owner", "usage_key"],
        unique=True,
        postgresql_where=sa.text("usage_key IS NOT NULL"),
    )
    op.create_table(
        "credit_daily_totals",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("transaction_type", sa.String(length=16), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("reversed", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["customer_accounts.id"], name=op.f("fk_credit_daily_totals_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "day", "transaction_type", name=op.f("pk_credit_daily_totals")),
    )
    op.create_table(
        "plan_grants",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["customer_accounts.id"], name=op.f("fk_plan_grants_account_id")),
        sa.PrimaryKeyConstraint("account_id", "month", name=op.f("pk_plan_grants")),
    )
    for table in (
        "plan_assignments",
        "credit_balances",
        "credit_lots",
        "credit_holds",
        "credit_caps",
        "credit_transactions",
        "credit_daily_totals",
        "plan_grants",
    ):
        _wall_off(table)
    _append_only("credit_transactions")
    _chain_by_hash()


def _create_lots() -> None:
    op.create_table(
        "credit_lots",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("is_bought", sa.Boolean(), sa.Computed("source = 'purchase'", persisted=True), nullable=False),
        sa.Column(
            "is_spendable", sa.Boolean(), sa.Computed("remaining > held + frozen", persisted=True), nullable=False
        ),
        sa.Column(
            "is_live",
            sa.Boolean(),
            sa.Computed("remaining > 0 OR (position IS NULL AND voided = 0)", persisted=True),
            nullable=False,
        ),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("frozen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("owed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("owed_as", sa.String(length=16), nullable=True),
        sa.Column("debt", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("expired", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("voided", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("price_per_credit", sa.Numeric(precision=12, scale=6), server_default="0", nullable=False),
        sa.Column("priority", sa.Integer(), server_default="100", nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reference", sa.String(length=255), server_default="", nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=True),
        sa.Column("description", sa.String(length=1000), server_default="", nullable=False),
        sa.Column("transaction_type", sa.String(length=16), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.LargeBinary(), nullable=False),
        sa.Column("actor_kind", sa.String(length=8), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.CheckConstraint("source IN ('plan', 'grant', 'purchase', 'adjustment')", name=op.f("ck_credit_lots_source")),
        sa.CheckConstraint("credits > 0", name=op.f("ck_credit_lots_credits")),
        sa.CheckConstraint("held BETWEEN 0 AND remaining", name=op.f("ck_credit_lots_held")),
        sa.CheckConstraint("frozen >= 0", name=op.f("ck_credit_lots_frozen")),
        sa.CheckConstraint(
            "owed BETWEEN 0 AND held AND (owed = 0 OR owed_as IS NOT NULL)", name=op.f("ck_credit_lots_owed")
        ),
        sa.CheckConstraint("debt >= 0", name=op.f("ck_credit_lots_debt")),
        sa.CheckConstraint(
            "expired >= 0 AND voided >= 0 AND remaining + expired + voided <= credits",
            name=op.f("ck_credit_lots_remaining"),
        ),
        sa.CheckConstraint("position IS NOT NULL OR remaining = 0", name=op.f("ck_credit_lots_pending")),
        sa.CheckConstraint("expires_at > effective_at", name=op.f("ck_credit_lots_expires_at")),
        sa.CheckConstraint("(reference = '') = (request_hash IS NULL)", name=op.f("ck_credit_lots_reference")),
        sa.ForeignKeyConstraint(["account_id"], ["customer_accounts.id"], name=op.f("fk_credit_lots_account_id")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_credit_lots")),
    )
    op.create_index(
        "ix_credit_lots_spendable",
        "credit_lots",
        ["account_id", "priority", "expires_at", "is_bought", "effective_at", "id"],
        unique=False,
        postgresql_where=sa.text("is_spendable"),
    )
    op.create_index(
        "uq_credit_lots_reference",
        "credit_lots",
        ["reference", "account_id"],
        unique=True,
        postgresql_where=sa.text("reference <> ''"),
    )
    op.create_index("ix_credit_lots_id", "credit_lots", ["id"], unique=False)
    op.create_index(
        "ix_credit_lots_live", "credit_lots", ["account_id"], unique=False, postgresql_where=sa.text("is_live")
    )


def _create_holds() -> None:
    op.create_table(
        "credit_holds",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("reference", sa.String(length=255), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("captured", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("operation_type", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=1000), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("key_id", sa.BigInteger(), nullable=True),
        sa.Column("over_capture", sa.String(length=16), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("lot_ids", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("lot_credits", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.CheckConstraint(
            "status IN ('open', 'captured', 'released', 'expired')", name=op.f("ck_credit_holds_status")
        ),
        sa.CheckConstraint("over_capture IN ('refuse', 'available')", name=op.f("ck_credit_holds_over_capture")),
        sa.CheckConstraint("amount > 0 AND captured >= 0", name=op.f("ck_credit_holds_amount")),
        sa.CheckConstraint(
            "remaining >= 0 AND (status = 'open' OR remaining = 0)", name=op.f("ck_credit_holds_remaining")
        ),
        sa.CheckConstraint("(status = 'open') = (ended_at IS NULL)", name=op.f("ck_credit_holds_ended_at")),
        sa.CheckConstraint("cardinality(lot_ids) = cardinality(lot_credits)", name=op.f("ck_credit_holds_lots")),
        sa.ForeignKeyConstraint(["account_id"], ["customer_accounts.id"], name=op.f("fk_credit_holds_account_id")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_credit_holds")),
    )
    op.create_index("uq_credit_holds_reference", "credit_holds", ["reference", "account_id"], unique=True)
    op.create_index(
        "ix_credit_holds_expires_at",
        "credit_holds",
        ["account_id", "expires_at"],
        unique=False,
        postgresql_where=sa.text("status = 'open'"),
    )


def _create_caps() -> None:
    op.create_table(
        "credit_caps",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("period", sa.String(length=16), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('member', 'operation', 'key')", name=op.f("ck_credit_caps_kind")),
        sa.CheckConstraint("period IN ('day', 'month', 'total')", name=op.f("ck_credit_caps_period")),
        sa.CheckConstraint("credits >= 0", name=op.f("ck_credit_caps_credits")),
        sa.CheckConstraint("used >= 0", name=op.f("ck_credit_caps_used")),
        sa.ForeignKeyConstraint(["account_id"], ["customer_accounts.id"], name=op.f("fk_credit_caps_account_id")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_credit_caps")),
    )
    op.create_index("uq_credit_caps_subject", "credit_caps", ["account_id", "kind", "subject", "period"], unique=True)


def downgrade() -> None:
    op.execute("DROP FUNCTION transaction_content")
    op.drop_table("plan_grants")
    op.drop_table("credit_daily_totals")
    op.drop_table("credit_transactions")
    op.drop_table("credit_caps")
    op.drop_table("credit_holds")
    op.drop_table("credit_lots")
    op.drop_table("credit_balances")
    op.drop_table("plan_assignments")
    op.drop_table("plan_terms")
    op.drop_table("plans")


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


def _chain_by_hash() -> None:
    """Say what of a transaction its hash covers, as `movement_content` does of a movement."""
    op.execute("""
        CREATE FUNCTION transaction_content(
            account_id bigint, "position" bigint, id bigint, amount bigint, transaction_type text, description text,
            operation_type text, cost_usd numeric, usage_key text, usage_key_owner text, user_id text, key_id bigint,
            hold_id bigint, reverses bigint, balance_after bigint, lot_ids bigint[], lot_credits bigint[],
            created_at timestamptz, actor bytea, actor_kind text, action text, reason text, request_id text
        ) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE RETURN record_send(ROW(
            account_id, "position", id, amount, convert_to(transaction_type, 'UTF8'), convert_to(description, 'UTF8'),
            convert_to(operation_type, 'UTF8'), CAST(cost_usd AS numeric(19, 6)), convert_to(usage_key, 'UTF8'),
            convert_to(usage_key_owner, 'UTF8'), convert_to(user_id, 'UTF8'), key_id, hold_id, reverses, balance_after,
            lot_ids, lot_credits, created_at, actor, convert_to(actor_kind, 'UTF8'), convert_to(action, 'UTF8'),
            convert_to(reason, 'UTF8'), convert_to(request_id, 'UTF8')
        ))
    """)


def _append_only(table: str) -> None:
    op.execute(f"""
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """)
