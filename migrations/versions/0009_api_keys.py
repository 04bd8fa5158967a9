"""API keys of machines, and the secrets by which they are recognized"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.String(length=64)), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("cardinality(scopes) > 0", name=op.f("ck_api_keys_scopes")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_api_keys_expires_at")),
        sa.ForeignKeyConstraint(["account_id"], ["customer_accounts.id"], name=op.f("fk_api_keys_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_index("ix_api_keys_account_id", "api_keys", ["account_id"], unique=False)
    # Keys of staff are of no account, and visible only where all accounts are.
    op.execute("ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE api_keys FORCE ROW LEVEL SECURITY")
    # No subquery, which a distributed database refuses in a policy. The planner takes a CASE for half of the rows;
    # an equation would be multiplied with that of the statement, which names the account, too.
    op.execute("""
        CREATE POLICY own_account ON api_keys USING (
            CASE current_setting('billing.account_id', true)
                WHEN CAST(account_id AS text) THEN true WHEN '*' THEN true ELSE false END
        )
    """)
    op.execute("CREATE POLICY desk ON api_keys FOR SELECT USING (current_setting('billing.desk', true) = 'on')")
    # Digests and ids of keys: nothing about anybody, so no policy.
    op.create_table(
        "api_key_secrets",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_api_key_secrets_digest")),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name=op.f("fk_api_key_secrets_key_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_api_key_secrets")),
    )
    op.create_index("ix_api_key_secrets_key_id", "api_key_secrets", ["key_id"], unique=False)


def downgrade() -> None:
    op.drop_table("api_key_secrets")
    op.drop_table("api_keys")
