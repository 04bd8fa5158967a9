"""What texts are searched, compared and sorted by in any case, and trigrams to find a part of one

`pg_trgm` is a trusted extension: the role that migrates needs CREATE on the database, which its owner has.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    # The collation is named so that the result, which indexes hold, does not depend on the database's own. Case folding
    # is more than lower case: it makes one of the two small sigmas, and "ss" of a sharp s.
    op.execute("""
        CREATE FUNCTION fold_text(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN casefold(value COLLATE pg_unicode_fast)
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION fold_text(text)")
    op.execute("DROP EXTENSION pg_trgm")
