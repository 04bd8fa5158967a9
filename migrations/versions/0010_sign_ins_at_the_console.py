"""One-time links and sessions of people at a browser"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Found by a secret alone, of whatever account its person is a member: no policy.
    op.create_table(
        "console_sign_ins",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("claims", postgresql.JSONB(), nullable=False),
        sa.Column("session_hours", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_console_sign_ins_digest")),
        sa.CheckConstraint("kind IN ('link', 'session')", name=op.f("ck_console_sign_ins_kind")),
        sa.CheckConstraint("session_hours > 0", name=op.f("ck_console_sign_ins_session_hours")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_console_sign_ins")),
    )
    op.create_index("ix_console_sign_ins_expires_at", "console_sign_ins", ["expires_at"], unique=False)


def downgrade() -> None:
    op.drop_table("console_sign_ins")
