"""The Members database, where handles become user ids."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice

import click
import psycopg2

BATCH = 5000

_FIND = """
    SELECT "handleLower", "userId"::text, handle FROM member WHERE "handleLower" = ANY(%s) ORDER BY "userId"
"""


def find(url: str, handles: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Handle in lower case, user id and handle of each member named. Raises ClickException when the database fails."""
    try:
        with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            # Not with autocommit: the session would stay read-only, and behind PgBouncer somebody else has it next.
            connection.set_session(readonly=True)
            remaining = iter(handles)
            while batch := list(islice(remaining, BATCH)):
                with connection:
                    cursor.execute(_FIND, (batch,))
                yield from cursor.fetchall()
    except psycopg2.Error as error:
        raise click.ClickException(f"The Members database cannot be used: {str(error).splitlines()[0]}") from None
