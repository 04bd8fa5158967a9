"""Functions for finding a part of a name: trigrams in a GIN index, without an extension

`search_grams` cuts a text into its pieces of three characters (at its end also of two and one); `search_query` asks
for all pieces of the text looked for. A text shorter than three characters is looked for as the beginning of a piece.
The answer is a superset: the caller checks it with LIKE. Tables keep the pieces in a generated column, because the
planner counts on computing them for every row of a bitmap otherwise and then prefers to read the whole table.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation is named so that the result, which indexes hold, does not depend on the database's own. Case folding
    # is more than lower case: it makes one of the two small sigmas, and "ss" of a sharp s.
    op.execute("""
        CREATE FUNCTION fold_text(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN casefold(value COLLATE pg_unicode_fast)
    """)
    op.execute("""
        CREATE FUNCTION search_grams(value text) RETURNS tsvector LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN array_to_tsvector(array(
            SELECT substr(folded, i, 3)
            FROM fold_text(value) AS folded, generate_series(1, char_length(folded)) AS i
        ))
    """)
    op.execute(r"""
        CREATE FUNCTION search_query(value text) RETURNS tsquery LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN (
            SELECT CAST(string_agg(
                '''' || replace(replace(gram, '\', '\\'), '''', '''''') || ''''
                    || CASE WHEN char_length(gram) < 3 THEN ':*' ELSE '' END,
                ' & '
            ) AS tsquery)
            FROM (
                SELECT DISTINCT substr(folded, i, 3) AS gram
                FROM fold_text(value) AS folded, generate_series(1, greatest(char_length(folded) - 2, 1)) AS i
            ) AS grams
        )
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION search_query(text)")
    op.execute("DROP FUNCTION search_grams(text)")
    op.execute("DROP FUNCTION fold_text(text)")
