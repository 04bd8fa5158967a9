"""Rows on their way in by the thousand: copied to a temporary table, from where one statement merges them."""

from collections.abc import Mapping, Sequence
from typing import IO, Any, NamedTuple

from sqlalchemy import Connection, text

from app.db.base import db


class Merged(NamedTuple):
    """What a merge did with the distinct rows it was given."""

    created: int
    updated: int
    unchanged: int


def stage(table: str, columns: Mapping[str, str], key: Sequence[str], lines: IO[bytes]) -> int:
    """Copy CSV `lines` to the temporary `table`, which lives as long as the transaction; the number of rows kept.

    `columns` maps names to types. Of rows with the same `key` only the last is kept; rows end up in the key's order.
    """
    connection = db.session.connection()
    names, keys = ", ".join(columns), ", ".join(key)
    definition = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    connection.execute(
        text(
            f"CREATE TEMP TABLE {table}_lines (position integer GENERATED ALWAYS AS IDENTITY, {definition})"
            " ON COMMIT DROP"
        )
    )
    _cursor(connection).copy_expert(f"COPY {table}_lines ({names}) FROM STDIN (FORMAT csv)", lines)
    kept = connection.execute(
        text(
            f"CREATE TEMP TABLE {table} ON COMMIT DROP AS"
            f" SELECT DISTINCT ON ({keys}) {names} FROM {table}_lines ORDER BY {keys}, position DESC"
        )
    )
    connection.execute(text(f"DROP TABLE {table}_lines"))
    connection.execute(text(f"ANALYZE {table}"))
    return kept.rowcount


def one_import_at_a_time() -> None:
    """Wait until no other transaction that called this is running."""
    db.session.execute(text("SELECT pg_advisory_xact_lock(hashtext('billing-service import'))"))


def _cursor(connection: Connection) -> Any:
    return connection.connection.cursor()
