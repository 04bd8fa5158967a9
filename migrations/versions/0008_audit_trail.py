"""Personal data, to which audited rows refer and which can be erased"""

import sqlalchemy as sa
from alembic import op

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
    _wall_off("personal_data")
    # A value is erased, or never changed.
    op.execute("""
        CREATE TRIGGER erased_only BEFORE UPDATE ON personal_data FOR EACH ROW
        WHEN (NEW.value IS NOT NULL OR (NEW.ref, NEW.account_id, NEW.kind, NEW.created_at)
            IS DISTINCT FROM (OLD.ref, OLD.account_id, OLD.kind, OLD.created_at))
        EXECUTE FUNCTION refuse_change()
    """)


def downgrade() -> None:
    op.drop_table("personal_data")


def _wall_off(table: str) -> None:
    """Show rows of an account only to transactions that act for it; rows of no account to all."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    # The settings are read once for a statement, not once for a row.
    op.execute(f"""
        CREATE POLICY own_account ON {table} USING (
            account_id = (SELECT CAST(nullif(nullif(current_setting('billing.account_id', true), ''), '*') AS bigint))
            OR account_id IS NULL
            OR (SELECT current_setting('billing.account_id', true) = '*')
        )
    """)
