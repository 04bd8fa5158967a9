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
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_accounts")),
        sa.UniqueConstraint("slug", name=op.f("uq_customer_accounts_slug")),
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
    _wall_off("account_members")


def downgrade() -> None:
    op.drop_table("account_members")
    op.drop_table("customer_accounts")


def _wall_off(table: str, column: str = "account_id") -> None:
    """Show rows of `table` only to transactions that act for their account; also to the owner of the table."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    # The settings are read once for a statement, not once for a row.
    op.execute(f"""
        CREATE POLICY own_account ON {table} USING (
            {column} = (SELECT CAST(nullif(nullif(current_setting('billing.account_id', true), ''), '*') AS bigint))
            OR (SELECT current_setting('billing.account_id', true) = '*')
        )
    """)
