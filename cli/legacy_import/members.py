"""The Members database, where handles become user ids."""

import string
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice

import click
import psycopg2

BATCH = 5000
_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

# By the column that has an index. Which of those found is meant, `grant_history` decides.
_FIND = """
    SELECT "userId"::text, handle FROM member WHERE "handleLower" = ANY(%s) AND handle IS NOT NULL ORDER BY "userId"
"""


def find(url: str, handles: Iterable[str]) -> Iterator[tuple[str, str]]:
    """User id and handle of each member who may be meant by a handle. Raises ClickException when the database fails."""
    try:
        with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            # Not with autocommit: the session would stay read-only, and behind PgBouncer somebody else has it next.
            connection.set_session(readonly=True)
            remaining = iter(handles)
            while batch := list(islice(remaining, BATCH)):
                with connection:
                    cursor.execute(_FIND, (sorted({spelling for handle in batch for spelling in _lowered(handle)}),))
                yield from cursor.fetchall()
    except psycopg2.Error as error:
        raise click.ClickException(f"The Members database cannot be used: {str(error).splitlines()[0]}") from None


def _lowered(handle: str) -> tuple[str, str, str]:
    """How the column of lower-case handles may spell a handle, whatever wrote it."""
    return handle, handle.lower(), handle.translate(_ASCII_LOWER)
