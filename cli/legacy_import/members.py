"""Looks up the user ids of handles in the Members database."""

import string
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice

import click
import psycopg2

BATCH = 5000
_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

# Uses the indexed column; `grant_importing` selects among the members found.
_FIND = """
    SELECT "userId"::text, handle FROM member WHERE "handleLower" = ANY(%s) AND handle IS NOT NULL ORDER BY "userId"
"""


def find(url: str, handles: Iterable[str]) -> Iterator[tuple[str, str]]:
    """User id and handle of each member who may match a handle. Raises ClickException if the database fails."""
    try:
        with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            # Without autocommit: the session would stay read-only, and PgBouncer would reuse it for another client.
            connection.set_session(readonly=True)
            remaining = iter(handles)
            while batch := list(islice(remaining, BATCH)):
                with connection:
                    cursor.execute(_FIND, (sorted({spelling for handle in batch for spelling in _lowered(handle)}),))
                yield from cursor.fetchall()
    except psycopg2.Error as error:
        raise click.ClickException(f"The Members database is unavailable: {str(error).splitlines()[0]}") from None


def _lowered(handle: str) -> tuple[str, str, str]:
    """The possible spellings of a handle in the column of lower-case handles."""
    return handle, handle.lower(), handle.translate(_ASCII_LOWER)
