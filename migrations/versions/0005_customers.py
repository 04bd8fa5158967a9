"""Customer accounts and their members, walled off from each other by row-level security"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customer_accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("slug", sa.String(length=80), nullable=False),
        sa.Column("billing_email", sa.String(length=255), server_default="", nullable=False),
        sa.Column("billing_address_line1", sa.String(length=255), server_default="", nullable=False),
        sa.Column("billing_address_line2", sa.String(length=255), server_default="", nullable=False),
        sa.Column("billing_city", sa.String(length=255), server_default="", nullable=False),
        sa.Column("billing_state", sa.String(length=255), server_default="", nullable=False),
        sa.Column("billing_postal_code", sa.String(length=255), server_default="", nullable=False),
        sa.Column("billing_country", sa.String(length=255), server_default="", nullable=False),
        sa.Column("tax_id", sa.String(length=255), server_default="", nullable=False),
        sa.Column("status", sa.String(length=16), server_default="active", nullable=False),
        sa.Column("members_may_buy", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("status IN ('active', 'suspended', 'closed')", name=op.f("ck_customer_accounts_status")),
        sa.CheckConstraint("erased_at IS NULL OR status = 'closed'", name=op.f("ck_customer_accounts_erased_at")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_accounts")),
        sa.UniqueConstraint("slug", name=op.f("uq_customer_accounts_slug")),
        sa.UniqueConstraint("id", "status", name=op.f("uq_customer_accounts_id")),
    )
    _wall_off("customer_accounts", "id")
    op.create_table(
        "account_members",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=True),
        sa.Column("email", sa.String(length=255), nullable=True),
        sa.Column("first_name", sa.String(length=255), server_default="", nullable=False),
        sa.Column("last_name", sa.String(length=255), server_default="", nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("is_staff", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("invited_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("invited_by", sa.String(length=255), server_default="", nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("date_joined", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("role IN ('owner', 'admin', 'member')", name=op.f("ck_account_members_role")),
        sa.CheckConstraint("(user_id IS NULL) = (date_joined IS NULL)", name=op.f("ck_account_members_joined")),
        sa.CheckConstraint(
            "user_id IS NOT NULL OR (email IS NOT NULL AND expires_at IS NOT NULL)",
            name=op.f("ck_account_members_invited"),
        ),
        sa.CheckConstraint("user_id IS NULL OR ended_at IS NULL", name=op.f("ck_account_members_ended")),
        sa.ForeignKeyConstraint(["account_id"], ["customer_accounts.id"], name=op.f("fk_account_members_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_members")),
    )
    op.create_index(
        "ix_account_members_invited",
        "account_members",
        [sa.text('lower(email COLLATE "C")')],
        unique=False,
        postgresql_where=sa.text("user_id IS NULL"),
    )
    op.create_index(
        "uq_account_members_email",
        "account_members",
        ["account_id", sa.text('lower(email COLLATE "C")')],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("uq_account_members_user_id", "account_members", ["user_id", "account_id"], unique=True)
    _wall_off("account_members")
    _show_to_persons()
    _create_directory()
    _create_routes()
    op.create_table(
        "account_openers",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("accounts", sa.Integer(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_account_openers")),
    )


def downgrade() -> None:
    op.drop_table("account_openers")
    op.drop_table("account_routes")
    op.drop_table("account_directory")
    op.drop_table("account_members")
    op.drop_table("customer_accounts")


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


def _create_routes() -> None:
    """Keep whose each object is that calls name by its id alone."""
    op.create_table(
        "account_routes",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_account_routes")),
    )
    _wall_off("account_routes")
    op.execute("""
        CREATE POLICY asked_for ON account_routes FOR SELECT
        USING (current_setting('billing.route', true) = kind || ' ' || CAST(id AS text))
    """)


def _show_to_persons() -> None:
    """Let a person read their memberships, the invitations to their verified address, and the accounts of both."""
    op.execute("""
        CREATE POLICY own_rows ON account_members FOR SELECT USING (
            user_id = nullif(current_setting('billing.user_id', true), '')
            OR (user_id IS NULL AND lower(email COLLATE "C") = nullif(current_setting('billing.email', true), ''))
        )
    """)
    op.execute("""
        CREATE POLICY own_accounts ON customer_accounts FOR SELECT
        USING (id = ANY (CAST(nullif(current_setting('billing.person_accounts', true), '') AS bigint[])))
    """)


def _create_directory() -> None:
    """Keep the words by which accounts and members are looked for, and show staff those that match."""
    op.create_table(
        "account_directory",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("object_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('account', 'member')", name=op.f("ck_account_directory_kind")),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["customer_accounts.id"],
            name=op.f("fk_account_directory_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("kind", "object_id", name=op.f("pk_account_directory")),
    )
    op.create_index("ix_account_directory_account_id", "account_directory", ["account_id"], unique=False)
    op.create_index(
        "ix_account_directory_words",
        "account_directory",
        ["words"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"words": "gin_trgm_ops"},
    )
    op.execute("ALTER TABLE account_directory ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE account_directory FORCE ROW LEVEL SECURITY")
    # Conditions of queries, unless they are leakproof, use no index on a table with policies; those of its policy do.
    # Each part of it can use one: no subquery, and all accounts as a range of ids.
    tenant = "CAST(nullif(current_setting('billing.account_id', true), '') AS bigint)"
    all_or_own = "CASE WHEN current_setting('billing.account_id', true) = '*' THEN {every} ELSE {own} END"
    first, last = all_or_own.format(every=0, own=tenant), all_or_own.format(every=2**63 - 1, own=tenant)
    op.execute(f"CREATE POLICY own_account ON account_directory USING (account_id BETWEEN {first} AND {last})")
    op.execute("""
        CREATE POLICY desk ON account_directory FOR SELECT USING (
            words LIKE current_setting('billing.desk_search', true) AND current_setting('billing.desk', true) = 'on'
        )
    """)
