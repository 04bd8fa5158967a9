"""Verification of chains, by the thousand and in the database: what of them was changed, removed or reordered."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from sqlalchemy import TextClause, text

from app import tenancy
from app.audit.journal import CONTENT
from app.db.base import db

_STREAMED = {"yield_per": 1000}
_AT_ONCE = 1000
# Everything is of one moment, also while others write.
_ONE_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
_PERSONAL_DATA = text("""
    SELECT encode(ref, 'hex') FROM personal_data
    WHERE value IS NOT NULL AND ref <> sha256(salt || convert_to(kind || ':' || value, 'UTF8')) ORDER BY ref
""")


class Finding(NamedTuple):
    """The first row of a chain that is not as it was written."""

    chain: str
    position: int
    problem: str


class Head(NamedTuple):
    """The last row of a chain: its position and its hash, in hexadecimal."""

    kind: str
    parent: str
    position: int
    hash: str


@dataclass(frozen=True)
class Chain:
    """The chains of one table of rows, of which each has a parent that counts them and keeps the last hash.

    `key` are the columns that name the parent, in both tables; `content` is SQL for what the hash of a row covers.
    `fields` are columns with fields as JSON, of which some refer to personal data.
    """

    kind: str
    rows: str
    parents: str
    key: Sequence[str]
    content: str
    count: str
    fields: Sequence[str] = ()

    def broken(self) -> Iterator[Finding]:
        """The first row of each broken chain: changed, missing, in another place, or not known to the parent.

        Of a chain that is whole, the first row whose personal data were deleted: erased ones are still there.
        """
        found = set()
        for query in (self._changed, self._cut, self._nameless):
            for parent, position, problem in db.session.execute(query, execution_options=_STREAMED):
                if parent not in found:
                    found.add(parent)
                    yield Finding(f"{self.kind} {parent}", position, problem)

    def heads(self) -> Iterator[Head]:
        """The last row of every chain."""
        for parent, position, digest in db.session.execute(self._heads, execution_options=_STREAMED):
            yield Head(self.kind, parent, position, digest)

    def differing(self, heads: Iterable[Head]) -> Iterator[Finding]:
        """The heads that once were, and are not in their chains any more."""
        rest = iter(heads)
        while some := list(islice(rest, _AT_ONCE)):
            values = {
                "parents": [each.parent for each in some],
                "positions": [each.position for each in some],
                "hashes": [each.hash for each in some],
            }
            for parent, position in db.session.execute(self._anchored, values):
                yield Finding(f"{self.kind} {parent}", position, "is not the one that was anchored, or follows another")

    def size(self) -> tuple[int, int]:
        """How many chains and rows there are."""
        chains, rows = db.session.execute(self._size).one()
        return chains, rows

    @cached_property
    def _parent(self) -> str:
        return " || ' ' || ".join(f"CAST({each} AS text)" for each in self.key)

    @cached_property
    def _changed(self) -> TextClause:
        key = ", ".join(self.key)
        return text(f"""
            SELECT {self._parent}, least(position, nth), CASE WHEN position > nth THEN 'is missing'
                WHEN position < nth THEN 'is there twice' ELSE 'was changed, or does not follow the one before it' END
            FROM (
                SELECT {key}, position, hash, row_number() OVER own AS nth,
                    chain(lag(hash) OVER own, {self.content}) AS computed
                FROM {self.rows} WINDOW own AS (PARTITION BY {key} ORDER BY position)
            ) AS row WHERE position <> nth OR hash IS DISTINCT FROM computed
            ORDER BY {key}, position
        """)

    @cached_property
    def _cut(self) -> TextClause:
        """What the parents know: the last row by its hash, and none after it."""
        key = ", ".join(self.key)
        return text(f"""
            SELECT {self._parent}, coalesce(CASE WHEN last > kept THEN kept + 1 ELSE last END, 0) + CASE
                WHEN coalesce(last, 0) < kept THEN 1 ELSE 0 END,
                CASE WHEN coalesce(last, 0) < kept THEN 'is missing' WHEN last > kept THEN 'is not known to its parent'
                ELSE 'is not the last that its parent knows' END
            FROM (
                SELECT {key}, coalesce({self.count}, 0) AS kept, head FROM {self.parents}
            ) AS parent FULL JOIN (
                SELECT DISTINCT ON ({key}) {key}, position AS last, hash FROM {self.rows} ORDER BY {key}, position DESC
            ) AS row USING ({key})
            WHERE coalesce(kept, 0) <> coalesce(last, 0) OR head IS DISTINCT FROM hash
            ORDER BY {key}
        """)

    @cached_property
    def _nameless(self) -> TextClause:
        key = ", ".join(self.key)
        # What is no reference was changed, and found as that.
        of_fields = "".join(
            f"""
                UNION ALL
                SELECT {key}, position, decode(field.value ->> 'personal', 'hex')
                FROM {self.rows}, jsonb_each({name}) AS field
                WHERE field.value ->> 'personal' ~ '^[0-9a-f]{{64}}$'
            """
            for name in self.fields
        )
        return text(f"""
            SELECT {self._parent}, min(position), 'refers to personal data that are missing'
            FROM (SELECT {key}, position, actor AS ref FROM {self.rows} {of_fields}) AS row
            WHERE NOT EXISTS (SELECT FROM personal_data WHERE personal_data.ref = row.ref)
            GROUP BY {key} ORDER BY {key}
        """)

    @cached_property
    def _heads(self) -> TextClause:
        return text(f"""
            SELECT {self._parent}, {self.count}, encode(head, 'hex') FROM {self.parents} WHERE head IS NOT NULL
            ORDER BY {", ".join(self.key)}
        """)

    @cached_property
    def _anchored(self) -> TextClause:
        return text(f"""
            SELECT anchor.parent, anchor.position
            FROM unnest(CAST(:parents AS text[]), CAST(:positions AS bigint[]), CAST(:hashes AS text[]))
                AS anchor (parent, position, hash)
            LEFT JOIN LATERAL (
                SELECT hash FROM {self.rows} AS row WHERE {self._is_anchored} AND row.position = anchor.position
            ) AS row ON true
            WHERE anchor.hash IS DISTINCT FROM encode(row.hash, 'hex') ORDER BY 1, 2
        """)

    @cached_property
    def _is_anchored(self) -> str:
        if len(self.key) == 1:
            return f"{self.key[0]} = CAST(anchor.parent AS bigint)"
        first, second = self.key
        return (
            f"{first} = split_part(anchor.parent, ' ', 1)"
            f" AND {second} = substr(anchor.parent, length(split_part(anchor.parent, ' ', 1)) + 2)"
        )

    @cached_property
    def _size(self) -> TextClause:
        return text(f"SELECT count(*), coalesce(sum({self.count}), 0) FROM {self.parents} WHERE head IS NOT NULL")


ENTRIES = Chain(
    "entries of",
    "audit_entries",
    "audit_chains",
    ("parent_type", "parent_id"),
    f"entry_content({', '.join(CONTENT)})",
    "entries",
    fields=("before", "after"),
)


def read_one_snapshot() -> None:
    """Let the rest of a new transaction see all rows of all accounts as they are now."""
    db.session.execute(_ONE_SNAPSHOT)
    tenancy.set_every_account()


def changed_personal_data() -> Iterator[str]:
    """The references, in hexadecimal, whose value is not the one they were made of."""
    yield from db.session.execute(_PERSONAL_DATA, execution_options=_STREAMED).scalars()
