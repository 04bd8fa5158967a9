"""Clients, billing accounts, their budgets with their lines, and who may use them"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COUNTED = ("clients", "billing_accounts")


def upgrade() -> None:
    op.create_table(
        "clients",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("code_name", sa.String(length=255), nullable=True),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("start_date", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_date", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("status IN ('ACTIVE', 'INACTIVE')", name=op.f("ck_clients_status")),
        sa.CheckConstraint("start_date <= end_date", name=op.f("ck_clients_dates")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clients")),
    )
    op.create_index(
        "ix_clients_code_name_search",
        "clients",
        [sa.literal_column("fold_text(code_name)").label("folded")],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"folded": "gin_trgm_ops"},
    )
    op.create_index("ix_clients_created_at", "clients", ["created_at", "id"], unique=False)
    op.create_index("ix_clients_end_date", "clients", ["end_date", "id"], unique=False)
    op.create_index("ix_clients_name", "clients", [sa.literal_column("fold_text(name)"), "id"], unique=False)
    op.create_index(
        "ix_clients_name_search",
        "clients",
        [sa.literal_column("fold_text(name)").label("folded")],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"folded": "gin_trgm_ops"},
    )
    op.create_index("ix_clients_start_date", "clients", ["start_date", "id"], unique=False)
    op.create_index("ix_clients_status", "clients", ["status", "id"], unique=False)
    op.create_table(
        "billing_accounts",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("subcontracting_end_customer", sa.String(length=255), nullable=True),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("start_date", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_date", sa.DateTime(timezone=True), nullable=True),
        sa.Column("markup", sa.Numeric(precision=10, scale=4), nullable=False),
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("po_number", sa.String(length=255), nullable=True),
        sa.Column("subscription_number", sa.String(length=255), nullable=True),
        sa.Column("is_manual_prize", sa.Boolean(), nullable=False),
        sa.Column("payment_terms", sa.String(length=255), nullable=True),
        sa.Column("sales_tax", sa.Numeric(precision=10, scale=4), nullable=True),
        sa.Column("billable", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status_as_imported", sa.Boolean(), nullable=True),
        sa.Column("markup_as_imported", sa.Boolean(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("status IN ('ACTIVE', 'INACTIVE')", name=op.f("ck_billing_accounts_status")),
        sa.CheckConstraint("markup >= 0", name=op.f("ck_billing_accounts_markup")),
        sa.CheckConstraint("sales_tax >= 0", name=op.f("ck_billing_accounts_sales_tax")),
        sa.CheckConstraint("start_date <= end_date", name=op.f("ck_billing_accounts_dates")),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_billing_accounts_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_billing_accounts")),
    )
    op.create_index("ix_billing_accounts_client_id", "billing_accounts", ["client_id", "id"], unique=False)
    op.create_index("ix_billing_accounts_created_at", "billing_accounts", ["created_at", "id"], unique=False)
    op.create_index("ix_billing_accounts_created_by", "billing_accounts", ["created_by", "id"], unique=False)
    op.create_index("ix_billing_accounts_end_date", "billing_accounts", ["end_date", "id"], unique=False)
    op.create_index(
        "ix_billing_accounts_name", "billing_accounts", [sa.literal_column("fold_text(name)"), "id"], unique=False
    )
    op.create_index(
        "ix_billing_accounts_name_search",
        "billing_accounts",
        [sa.literal_column("fold_text(name)").label("folded")],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"folded": "gin_trgm_ops"},
    )
    op.create_index("ix_billing_accounts_start_date", "billing_accounts", ["start_date", "id"], unique=False)
    op.create_index("ix_billing_accounts_status", "billing_accounts", ["status", "id"], unique=False)
    op.create_table(
        "billing_account_access",
        sa.Column("billing_account_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("user_handle", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["billing_account_id"], ["billing_accounts.id"], name=op.f("fk_billing_account_access_billing_account_id")
        ),
        sa.PrimaryKeyConstraint("billing_account_id", "user_id", name=op.f("pk_billing_account_access")),
    )
    op.create_index(
        "ix_billing_account_access_user_id", "billing_account_access", ["user_id", "billing_account_id"], unique=False
    )
    op.create_table(
        "budgets",
        sa.Column("billing_account_id", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=15, scale=4), nullable=False),
        sa.Column("locked", sa.Numeric(precision=19, scale=4), server_default="0", nullable=False),
        sa.Column("consumed", sa.Numeric(precision=19, scale=4), server_default="0", nullable=False),
        sa.Column(
            "remaining",
            sa.Numeric(precision=19, scale=4),
            sa.Computed("amount - locked - consumed", persisted=True),
            nullable=False,
        ),
        sa.Column("as_imported", sa.Boolean(), nullable=True),
        sa.Column("movements", sa.Integer(), server_default="0", nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_expiry", sa.DateTime(timezone=True), nullable=True),
        sa.Column("head", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("amount >= 0.0", name=op.f("ck_budgets_amount")),
        sa.CheckConstraint("consumed >= 0.0", name=op.f("ck_budgets_consumed")),
        sa.CheckConstraint("locked >= 0.0", name=op.f("ck_budgets_locked")),
        sa.CheckConstraint("next_expiry > moved_at", name=op.f("ck_budgets_next_expiry")),
        sa.ForeignKeyConstraint(
            ["billing_account_id"], ["billing_accounts.id"], name=op.f("fk_budgets_billing_account_id")
        ),
        sa.PrimaryKeyConstraint("billing_account_id", name=op.f("pk_budgets")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("ix_budgets_remaining", "budgets", ["remaining", "billing_account_id"], unique=False)
    op.create_table(
        "budget_lines",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("billing_account_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("external_type", sa.String(length=32), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=False),
        sa.Column("external_name", sa.String(length=255), nullable=True),
        sa.Column("amount", sa.Numeric(precision=15, scale=4), nullable=False),
        sa.Column("date", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("as_imported", sa.Boolean(), nullable=True),
        sa.CheckConstraint(
            "external_type = ANY ('{CHALLENGE,ENGAGEMENT,WORK_PERIOD_PAYMENT}')",
            name=op.f("ck_budget_lines_external_type"),
        ),
        sa.CheckConstraint("kind = ANY ('{locked,consumed}')", name=op.f("ck_budget_lines_kind")),
        sa.CheckConstraint("amount > 0.0", name=op.f("ck_budget_lines_amount")),
        sa.CheckConstraint("(kind = 'consumed') = (consumed_at IS NOT NULL)", name=op.f("ck_budget_lines_consumed_at")),
        sa.CheckConstraint(
            "expires_at IS NULL OR consumed_at IS NULL AND external_type = 'CHALLENGE'",
            name=op.f("ck_budget_lines_expires_at"),
        ),
        sa.ForeignKeyConstraint(
            ["billing_account_id"], ["budgets.billing_account_id"], name=op.f("fk_budget_lines_billing_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budget_lines")),
    )
    op.create_index("ix_budget_lines_date", "budget_lines", ["billing_account_id", "date", "id"], unique=False)
    op.create_index(
        "uq_budget_lines_challenge",
        "budget_lines",
        ["billing_account_id", "external_id", "kind"],
        unique=True,
        postgresql_where=sa.text("external_type = 'CHALLENGE'"),
    )
    op.create_index(
        "uq_budget_lines_payment",
        "budget_lines",
        ["billing_account_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_type = 'WORK_PERIOD_PAYMENT'"),
    )
    op.create_index(
        "ix_budget_lines_expires_at",
        "budget_lines",
        ["billing_account_id", "expires_at"],
        unique=False,
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_table(
        "released_lines",
        sa.Column("billing_account_id", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["billing_account_id"], ["budgets.billing_account_id"], name=op.f("fk_released_lines_billing_account_id")
        ),
        sa.PrimaryKeyConstraint("billing_account_id", "external_id", name=op.f("pk_released_lines")),
    )
    _keep_movements()
    _keep_row_counts()


def _keep_movements() -> None:
    """Keep the journal of every budget: rows that are only ever added."""
    op.create_table(
        "budget_movements",
        sa.Column("billing_account_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=True),
        sa.Column("external_type", sa.String(length=32), nullable=True),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("external_name", sa.String(length=255), nullable=True),
        sa.Column("budget_delta", sa.Numeric(precision=19, scale=4), nullable=False),
        sa.Column("locked_delta", sa.Numeric(precision=19, scale=4), nullable=False),
        sa.Column("consumed_delta", sa.Numeric(precision=19, scale=4), nullable=False),
        sa.Column("budget_after", sa.Numeric(precision=15, scale=4), nullable=False),
        sa.Column("locked_after", sa.Numeric(precision=19, scale=4), nullable=False),
        sa.Column("consumed_after", sa.Numeric(precision=19, scale=4), nullable=False),
        sa.Column("actor", sa.LargeBinary(), nullable=False),
        sa.Column("actor_kind", sa.String(length=8), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("position >= 1", name=op.f("ck_budget_movements_position")),
        sa.CheckConstraint(
            "kind = ANY ('{opened,budget_changed,locked,unlocked,expired,consumed,reversed,moved,imported}')",
            name=op.f("ck_budget_movements_kind"),
        ),
        sa.CheckConstraint("(kind = 'opened') = (position = 1)", name=op.f("ck_budget_movements_opened")),
        sa.CheckConstraint(
            "position = 1 OR 0.0 <> ANY (ARRAY[budget_delta, locked_delta, consumed_delta])",
            name=op.f("ck_budget_movements_change"),
        ),
        sa.CheckConstraint(
            "actor_kind = ANY ('{person,machine,key,command,gateway}')",
            name=op.f("ck_budget_movements_actor_kind"),
        ),
        sa.PrimaryKeyConstraint("billing_account_id", "position", name=op.f("pk_budget_movements")),
    )
    op.create_index(
        "ix_budget_movements_at", "budget_movements", ["billing_account_id", "at", "position"], unique=False
    )
    # Of one list of all that was changed.
    op.create_index("ix_budget_movements_all_at", "budget_movements", [sa.text("timezone('UTC', at)")], unique=False)
    for column, operators in (("actor", "bytea_bloom_ops"), ("request_id", "text_bloom_ops")):
        op.execute(
            f"CREATE INDEX ix_budget_movements_all_{column} ON budget_movements"
            f" USING brin ({column} {operators}) WITH (pages_per_range = 32)"
        )
    op.execute("""
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
        END $$
    """)
    _chain_by_hash()
    op.execute("""
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON budget_movements
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """)


def _chain_by_hash() -> None:
    """Hash rows that are only ever added: each over its own content and the hash of the one before it."""
    op.execute("""
        CREATE FUNCTION chain(head bytea, content bytea) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN sha256(coalesce(head, CAST('' AS bytea)) || content)
    """)
    op.execute("""
        CREATE FUNCTION chain_next(state bytea, head bytea, content bytea) RETURNS bytea
        LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN chain(coalesce(state, head), content)
    """)
    op.execute("CREATE AGGREGATE chain_all(head bytea, content bytea) (SFUNC = chain_next, STYPE = bytea)")
    # The binary format of the wire protocol is unambiguous and depends on no setting once texts are UTF-8; amounts have
    # the types of their columns in it. Not IMMUTABLE, because `record_send` is not: it would not be inlined.
    op.execute("""
        CREATE FUNCTION movement_content(
            billing_account_id integer, "position" integer, at timestamptz, kind text, entry_id uuid,
            external_type text, external_id text, external_name text, budget_delta numeric, locked_delta numeric,
            consumed_delta numeric, budget_after numeric, locked_after numeric, consumed_after numeric, actor bytea,
            actor_kind text, action text, reason text, request_id text
        ) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE RETURN record_send(ROW(
            billing_account_id, "position", at, convert_to(kind, 'UTF8'), entry_id, convert_to(external_type, 'UTF8'),
            convert_to(external_id, 'UTF8'), convert_to(external_name, 'UTF8'), CAST(budget_delta AS numeric(19, 4)),
            CAST(locked_delta AS numeric(19, 4)), CAST(consumed_delta AS numeric(19, 4)),
            CAST(budget_after AS numeric(15, 4)), CAST(locked_after AS numeric(19, 4)),
            CAST(consumed_after AS numeric(19, 4)), actor, convert_to(actor_kind, 'UTF8'), convert_to(action, 'UTF8'),
            convert_to(reason, 'UTF8'), convert_to(request_id, 'UTF8')
        ))
    """)


def _keep_row_counts() -> None:
    """Count the rows of long lists as they come and go: counting them anew would be most of the cost of a page."""
    op.create_table(
        "row_counts",
        sa.Column("table_name", sa.String(length=63), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("table_name", "slot", name=op.f("pk_row_counts")),
    )
    # A transaction adds to the first slot that no other one has locked, and waits only when all are. An upsert that
    # inserts nothing must not lock a slot, nor may a statement without rows.
    op.execute("""
        CREATE FUNCTION count_rows() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE changed bigint;
        BEGIN
            SELECT count(*) INTO changed FROM changed_rows;
            IF changed > 0 THEN
                UPDATE row_counts SET rows = rows + CASE TG_OP WHEN 'INSERT' THEN changed ELSE -changed END
                WHERE table_name = TG_TABLE_NAME AND slot = coalesce(
                    (SELECT slot FROM row_counts WHERE table_name = TG_TABLE_NAME
                        ORDER BY slot LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED), 0);
            END IF;
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE PROCEDURE count_rows_of(counted regclass) LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO row_counts SELECT CAST(counted AS text), slot, 0 FROM generate_series(0, 15) AS slot;
            EXECUTE format('CREATE TRIGGER count_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS changed_rows'
                ' FOR EACH STATEMENT EXECUTE FUNCTION count_rows()', counted);
            EXECUTE format('CREATE TRIGGER count_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS changed_rows'
                ' FOR EACH STATEMENT EXECUTE FUNCTION count_rows()', counted);
        END $$
    """)
    for table in COUNTED:
        op.execute(f"CALL count_rows_of('{table}')")


def downgrade() -> None:
    own = ("released_lines", "budget_lines", "budgets", "billing_account_access", "billing_accounts", "clients")
    for table in ("budget_movements", *own, "row_counts"):
        op.drop_table(table)
    op.execute("DROP FUNCTION movement_content")
    op.execute("DROP AGGREGATE chain_all(bytea, bytea)")
    op.execute("DROP FUNCTION chain_next")
    op.execute("DROP FUNCTION chain")
    op.execute("DROP FUNCTION refuse_change()")
    op.execute("DROP PROCEDURE count_rows_of")
    op.execute("DROP FUNCTION count_rows()")
