"""Rows on their way in by the thousand: copied to a temporary table, from where one statement merges them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

from sqlalchemy import Connection, text

from app.db.base import db


class Merged(NamedTuple):
    """What a merge did with the distinct rows it was given; it kept what was changed here since the last import."""

    created: int
    updated: int
    unchanged: int
    kept: int = 0


def stage(
    table: str, columns: Mapping[str, str], key: Sequence[str], lines: IO[bytes], *, newest: str | None = None
) -> int:
    """Copy CSV `lines` to the temporary `table`, which lives as long as the transaction; the number of rows kept.

    `columns` maps names to types; `position` is the number of the line, from 1. Of rows with the same `key` only one is
    kept: the one with the largest value in the column `newest`, of equal ones the last. Rows end up in the key's order.
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
    order = f"{keys}, {f'{newest} DESC NULLS LAST, ' if newest else ''}position DESC"
    kept = connection.execute(
        text(
            f"CREATE TEMP TABLE {table} ON COMMIT DROP AS"
            f" SELECT DISTINCT ON ({keys}) {names}, position FROM {table}_lines ORDER BY {order}"
        )
    )
    connection.execute(text(f"DROP TABLE {table}_lines"))
    connection.execute(text(f"ANALYZE {table}"))
    return kept.rowcount


def one_import_at_a_time() -> None:
    """Wait until no other transaction that called this is running."""
    db.session.execute(text("SELECT pg_advisory_xact_lock(hashtext('billing-service import'))"))


def join_whole_tables() -> None:
    """Have the rest of the transaction read each table once for a join, whatever the statistics say.

    A table that was empty when its statistics were taken is expected to hold one row. The planner would read all of it
    once for each staged row, which takes minutes as soon as it has been filled.
    """
    db.session.execute(text("SET LOCAL enable_nestloop = off"))


def learn_size(table: str, key: str) -> None:
    """Let the planner know how many rows a table has that was filled a moment ago.

    Foreign keys that refer to it are checked row by row, with a plan made at the first; for an empty table any index
    will do, such as one that has to be read as a whole. Takes the privilege MAINTAIN; without it nothing happens.
    """
    db.session.execute(text(f"ANALYZE {table} ({key})"))


@contextmanager
def by_index() -> Iterator[None]:
    """Have the block find single rows by index: foreign keys are checked so, one by one, with plans made at first use.

    For statements that otherwise read staged rows only.
    """
    db.session.execute(text("SET LOCAL enable_seqscan = off"))
    yield
    db.session.execute(text("SET LOCAL enable_seqscan = on"))


def _cursor(connection: Connection) -> Any:
    return connection.connection.cursor()
