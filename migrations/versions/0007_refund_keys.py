"""The idempotency keys of refunds, by which a refund that is sent again finds itself"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payments", sa.Column("refund_requested_by", sa.String(length=255), nullable=True))
    op.add_column("payments", sa.Column("refund_key", sa.String(length=255), nullable=True))


def downgrade() -> None:
    op.drop_column("payments", "refund_key")
    op.drop_column("payments", "refund_requested_by")
