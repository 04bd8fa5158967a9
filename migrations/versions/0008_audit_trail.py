"""The audit trail: entries chained by hash, the personal data they refer to, and one view of all that was changed"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "personal_data",
        sa.Column("ref", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(value IS NULL) = (salt IS NULL)", name=op.f("ck_personal_data_erased")),
        sa.PrimaryKeyConstraint("ref", name=op.f("pk_personal_data")),
    )
    op.create_index("ix_personal_data_value", "personal_data", [sa.text("md5(value)"), "kind"], unique=False)
    op.create_index("ix_personal_data_account_id", "personal_data", ["account_id"], unique=False)
    _keep_entries()
    for table in ("personal_data", "audit_chains", "audit_entries"):
        _wall_off(table)
    # A value is erased, or never changed.
    op.execute("""
        CREATE TRIGGER erased_only BEFORE UPDATE ON personal_data FOR EACH ROW
        WHEN (NEW.value IS NOT NULL OR (NEW.ref, NEW.account_id, NEW.kind, NEW.created_at)
            IS DISTINCT FROM (OLD.ref, OLD.account_id, OLD.kind, OLD.created_at))
        EXECUTE FUNCTION refuse_change()
    """)

    op.execute("""
        CREATE FUNCTION with_personal_data(fields jsonb) RETURNS jsonb LANGUAGE sql STABLE RETURN (
            SELECT jsonb_object_agg(key, CASE WHEN jsonb_typeof(field) = 'object' THEN (
                SELECT to_jsonb(value) FROM personal_data
                WHERE ref = CASE WHEN field ->> 'personal' ~ '^[0-9a-f]{64}$'
                    THEN decode(field ->> 'personal', 'hex') END
            ) ELSE field END)
            FROM jsonb_each(fields) AS each (key, field)
        )
    """)
    _show_everything()


def downgrade() -> None:
    op.execute("DROP VIEW audit_trail")
    op.execute("DROP FUNCTION with_personal_data")
    op.execute("DROP FUNCTION entry_content")
    for table in ("audit_entries", "audit_chains", "personal_data"):
        op.drop_table(table)


def _keep_entries() -> None:
    op.create_table(
        "audit_chains",
        sa.Column("parent_type", sa.String(length=32), nullable=False),
        sa.Column("parent_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("entries", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("head", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("parent_type", "parent_id", name=op.f("pk_audit_chains")),
    )
    op.create_table(
        "audit_entries",
        sa.Column("parent_type", sa.String(length=32), nullable=False),
        sa.Column("parent_id", sa.String(length=255), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("object_type", sa.String(length=32), nullable=False),
        sa.Column("object_id", sa.String(length=255), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=True),
        sa.Column("after", postgresql.JSONB(), nullable=True),
        sa.Column("actor", sa.LargeBinary(), nullable=False),
        sa.Column("actor_kind", sa.String(length=8), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("position >= 1", name=op.f("ck_audit_entries_position")),
        sa.CheckConstraint("before IS NOT NULL OR after IS NOT NULL", name=op.f("ck_audit_entries_change")),
        sa.CheckConstraint(
            "actor_kind IN ('person', 'machine', 'key', 'command', 'gateway')", name=op.f("ck_audit_entries_actor_kind")
        ),
        sa.PrimaryKeyConstraint("parent_type", "parent_id", "position", name=op.f("pk_audit_entries")),
    )
    op.create_index("ix_audit_entries_at", "audit_entries", [sa.text("timezone('UTC', at)")], unique=False)
    op.create_index("ix_audit_entries_object", "audit_entries", ["object_type", "object_id", "at"], unique=False)
    op.create_index("ix_audit_entries_account_id", "audit_entries", ["account_id", "at"], unique=False)
    op.create_index("ix_audit_entries_actor", "audit_entries", ["actor"], unique=False)
    op.create_index(
        "ix_audit_entries_request_id",
        "audit_entries",
        ["request_id"],
        unique=False,
        postgresql_where=sa.text("request_id IS NOT NULL"),
    )
    op.execute("""
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_entries
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """)
    op.execute("""
        CREATE FUNCTION entry_content(
            parent_type text, parent_id text, "position" bigint, id bigint, at timestamptz, account_id bigint,
            object_type text, object_id text, before jsonb, after jsonb, actor bytea, actor_kind text, action text,
            reason text, request_id text
        ) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE RETURN record_send(ROW(
            convert_to(parent_type, 'UTF8'), convert_to(parent_id, 'UTF8'), "position", id, at, account_id,
            convert_to(object_type, 'UTF8'), convert_to(object_id, 'UTF8'), convert_to(CAST(before AS text), 'UTF8'),
            convert_to(CAST(after AS text), 'UTF8'), actor, convert_to(actor_kind, 'UTF8'),
            convert_to(action, 'UTF8'), convert_to(reason, 'UTF8'), convert_to(request_id, 'UTF8')
        ))
    """)


def _show_everything() -> None:
    """Show movements and transactions as entries.

    Row-level security is that of who asks. `place` breaks ties of the time in the order of the chain. One of
    `billing_account_id`, `credit_account_id` and `entry_object_id` names the object in the type of the index on it;
    the others are 0 or empty, which leaves a condition on one of the three the one that its index serves.
    """
    op.execute("""
        CREATE VIEW audit_trail WITH (security_invoker = true) AS
        SELECT 'entry-' || lpad(CAST(id AS text), 20, '0') AS place, 'entry-' || id AS id, at,
            timezone('UTC', at) AS at_utc, actor, actor_kind,
            action, object_type, object_id, reason, with_personal_data(before) AS before,
            with_personal_data(after) AS after, request_id, account_id,
            0 AS billing_account_id, object_id AS entry_object_id,
            CAST(0 AS bigint) AS credit_account_id
        FROM audit_entries
        UNION ALL
        SELECT 'movement-' || lpad(CAST(billing_account_id AS text), 20, '0') || lpad(CAST(position AS text), 20, '0'),
            'movement-' || billing_account_id || '-' || position, at, timezone('UTC', at), actor, actor_kind,
            action, 'billing_account',
            CAST(billing_account_id AS varchar), reason,
            CASE WHEN kind <> 'opened' THEN jsonb_strip_nulls(jsonb_build_object(
                'budget', CASE WHEN budget_delta <> 0 THEN trim_scale(budget_after - budget_delta) END,
                'lockedBudget', CASE WHEN locked_delta <> 0 THEN trim_scale(locked_after - locked_delta) END,
                'consumedBudget', CASE WHEN consumed_delta <> 0 THEN trim_scale(consumed_after - consumed_delta) END
            )) END,
            jsonb_strip_nulls(jsonb_build_object(
                'budget', CASE WHEN budget_delta <> 0 OR kind = 'opened' THEN trim_scale(budget_after) END,
                'lockedBudget', CASE WHEN locked_delta <> 0 THEN trim_scale(locked_after) END,
                'consumedBudget', CASE WHEN consumed_delta <> 0 THEN trim_scale(consumed_after) END
            )), request_id, CAST(NULL AS bigint), billing_account_id, CAST('' AS varchar), CAST(0 AS bigint)
        FROM budget_movements
        UNION ALL
        SELECT 'transaction-' || lpad(CAST(id AS text), 20, '0'), 'transaction-' || id, created_at,
            timezone('UTC', created_at), actor, actor_kind,
            action, 'customer_account', CAST(account_id AS varchar), reason,
            jsonb_build_object('credits', balance_after - amount), jsonb_build_object('credits', balance_after),
            request_id, account_id, 0, CAST('' AS varchar), account_id
        FROM credit_transactions
    """)


def _wall_off(table: str) -> None:
    """Show rows of an account only to transactions that act for it; rows of no account to all."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    # No subquery, which a distributed database refuses in a policy. The planner takes a CASE for half of the rows;
    # an equation would be multiplied with that of the statement, which names the account, too.
    op.execute(f"""
        CREATE POLICY own_account ON {table} USING (
            account_id IS NULL OR CASE current_setting('billing.account_id', true)
                WHEN CAST(account_id AS text) THEN true WHEN '*' THEN true ELSE false END
        )
    """)
    # Staff read all accounts, and change nothing by that.
    op.execute(f"CREATE POLICY desk ON {table} FOR SELECT USING (current_setting('billing.desk', true) = 'on')")
