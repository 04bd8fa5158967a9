"""Lays the big tables out as a sharded database would: cut by hash of the account that a row belongs to.

A shard can only check what it sees. A unique key without the shard key cannot be kept over several shards, and neither
can a foreign key to such a key: they come back with the shard key added, and are reported as lost.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

# By table, the column that says on which shard a row lives. All other tables are small, or are read before it is known
# whose rows a request is about: every shard would have them whole.
SHARD_KEYS = {
    "budgets": "billing_account_id",
    "budget_lines": "billing_account_id",
    "budget_movements": "billing_account_id",
    "released_lines": "billing_account_id",
    "credit_balances": "account_id",
    "credit_daily_totals": "account_id",
    "credit_caps": "account_id",
    "credit_holds": "account_id",
    "credit_lots": "account_id",
    "credit_transactions": "account_id",
    "plan_grants": "account_id",
    "invoices": "account_id",
    "payments": "account_id",
    "credit_notes": "account_id",
    "refunds": "account_id",
    "disputes": "account_id",
    "idempotency_keys": "caller",
}


class Lost(NamedTuple):
    """A constraint that a sharded database cannot keep as it was, and what it keeps in its place, if anything."""

    table: str
    was: str
    now: str


class _Constraint(NamedTuple):
    table: str
    name: str
    kind: str
    definition: str
    columns: list[str]
    refers_to: str | None
    referred: list[str]


_CONSTRAINTS = text("""
    SELECT conrelid\\:\\:regclass\\:\\:text AS "table", conname AS name, contype AS kind,
        pg_get_constraintdef(oid) AS definition,
        ARRAY(SELECT attname\\:\\:text FROM unnest(conkey) WITH ORDINALITY AS k (number, place)
            JOIN pg_attribute ON attrelid = conrelid AND attnum = number ORDER BY place) AS columns,
        CASE contype WHEN 'f' THEN confrelid\\:\\:regclass\\:\\:text END AS refers_to,
        ARRAY(SELECT attname\\:\\:text FROM unnest(confkey) WITH ORDINALITY AS k (number, place)
            JOIN pg_attribute ON attrelid = confrelid AND attnum = number ORDER BY place) AS referred
    FROM pg_constraint
    WHERE contype IN ('p', 'u', 'f') AND connamespace = 'public'\\:\\:regnamespace
        AND (conrelid = ANY(CAST(:tables AS regclass[])) OR confrelid = ANY(CAST(:tables AS regclass[])))
    ORDER BY contype = 'f', conname
""")
_INDEXES = text("""
    SELECT pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid = CAST(:table AS regclass)
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u'))
    ORDER BY 1
""")
_VIEWS = text("SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'")
_TRIGGERS = text("""
    SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = CAST(:table AS regclass) AND NOT tgisinternal
""")
_POLICIES = text("SELECT policyname, cmd, qual FROM pg_policies WHERE tablename = :table")
_WALLED_OFF = text("SELECT relrowsecurity FROM pg_class WHERE oid = CAST(:table AS regclass)")
_NUMBERED = text("""
    SELECT c.relname FROM pg_class c JOIN pg_depend ON objid = c.oid
    WHERE c.relkind = 'S' AND deptype = 'i' AND refobjid = CAST(:table AS regclass) AND c.relname LIKE '%seq1'
""")
_OPTIONS = text("SELECT array_to_string(reloptions, ', ') FROM pg_class WHERE oid = CAST(:table AS regclass)")


def distribute(connection: Connection, keys: dict[str, str], *, partitions: int) -> list[Lost]:
    """Cut empty tables into so many partitions by hash of their keys, in the connection's transaction."""
    found = connection.execute(_CONSTRAINTS, {"tables": list(keys)})
    constraints = [_Constraint(**row) for row in found.mappings()]
    for constraint in constraints:
        if constraint.kind == "f":
            connection.execute(text(f"ALTER TABLE {constraint.table} DROP CONSTRAINT {constraint.name}"))
    # Views hold on to the tables they were made of.
    views = connection.execute(_VIEWS).all()
    for name, _ in views:
        _run(connection, f"DROP VIEW {name}")
    for table, key in keys.items():
        _cut(connection, table, key, partitions)
    for name, definition in views:
        _run(connection, f"CREATE VIEW {name} WITH (security_invoker = true) AS {definition}")
    return [lost for constraint in constraints for lost in _restore(connection, constraint, keys)]


def _cut(connection: Connection, table: str, key: str, partitions: int) -> None:
    """Put a partitioned table without primary, unique and foreign keys in the place of an empty one."""
    values = {"table": table}
    after = [*connection.execute(_INDEXES, values).scalars(), *connection.execute(_TRIGGERS, values).scalars()]
    parts = [f"{table}_{number}" for number in range(partitions)]
    # Asked by its own name, a part goes by its own policies, not by those of the whole.
    for each in (table, *parts):
        for name, command, condition in connection.execute(_POLICIES, values):
            after.append(f"CREATE POLICY {name} ON {each} FOR {command} USING ({condition})")
        if connection.execute(_WALLED_OFF, values).scalar_one():
            after.append(f"ALTER TABLE {each} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    options = connection.execute(_OPTIONS, values).scalar_one()
    with_options = f" WITH ({options})" if options else ""
    whole = f"{table}_whole"
    _run(connection, f"ALTER TABLE {table} RENAME TO {whole}")
    like = f"LIKE {whole} INCLUDING ALL EXCLUDING INDEXES EXCLUDING STATISTICS"
    _run(connection, f"CREATE TABLE {table} ({like}) PARTITION BY HASH ({key})")
    for number, part in enumerate(parts):
        values_of_part = f"FOR VALUES WITH (MODULUS {partitions}, REMAINDER {number})"
        _run(connection, f"CREATE TABLE {part} PARTITION OF {table} {values_of_part}{with_options}")
    _run(connection, f"DROP TABLE {whole}")
    # While the whole was there, the number of its ids had their name.
    for sequence in connection.execute(_NUMBERED, values).scalars():
        _run(connection, f"ALTER SEQUENCE {sequence} RENAME TO {sequence.removesuffix('1')}")
    for statement in after:
        _run(connection, statement)


def _restore(connection: Connection, constraint: _Constraint, keys: dict[str, str]) -> Iterator[Lost]:
    """Give a constraint back, with the shard key where it cannot do without."""
    add = f"ALTER TABLE {constraint.table} ADD CONSTRAINT {constraint.name} "
    if _possible(connection, add + constraint.definition):
        return
    with_key = _with_shard_key(constraint, keys)
    if with_key is not None:
        _run(connection, add + with_key)
    yield Lost(constraint.table, constraint.definition, with_key or "nothing")


def _with_shard_key(constraint: _Constraint, keys: dict[str, str]) -> str | None:
    key = keys.get(constraint.table)
    if key is None:
        return None
    columns = ", ".join([key, *constraint.columns])
    if constraint.refers_to is None:
        return f"{'PRIMARY KEY' if constraint.kind == 'p' else 'UNIQUE'} ({columns})"
    if constraint.refers_to not in keys or key in constraint.columns:
        return None
    referred = ", ".join([keys[constraint.refers_to], *constraint.referred])
    return f"FOREIGN KEY ({columns}) REFERENCES {constraint.refers_to} ({referred})"


def _possible(connection: Connection, statement: str) -> bool:
    try:
        with connection.begin_nested():
            _run(connection, statement)
    except DBAPIError:
        return False
    return True


def _run(connection: Connection, statement: str) -> Any:
    return connection.exec_driver_sql(statement.replace("%", "%%"))
