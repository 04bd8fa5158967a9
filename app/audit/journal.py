"""The statement that appends entries to their chains, however many one transaction has."""

from app.audit.cause import CAUSE
from app.db.fast.prepared import Prepared

# The columns of an entry that its hash covers, in this order, and their types.
CONTENT = {
    "parent_type": "text",
    "parent_id": "text",
    "position": "bigint",
    "id": "bigint",
    "at": "timestamptz",
    "account_id": "bigint",
    "object_type": "text",
    "object_id": "text",
    "before": "jsonb",
    "after": "jsonb",
    **CAUSE,
}
COLUMNS = ", ".join((*CONTENT, "hash"))
# What is sent of each entry, and of each personal value.
ENTRY = {
    "parent_type": "text",
    "parent_id": "text",
    "account_id": "bigint",
    "object_type": "text",
    "object_id": "text",
    "before": "jsonb",
    "after": "jsonb",
    **CAUSE,
}
PERSONAL = {"ref": "bytea", "account_id": "bigint", "kind": "text", "value": "text", "salt": "bytea"}

_ENTRIES = f"unnest({', '.join(f'CAST(:{name} AS {kind}[])' for name, kind in ENTRY.items())}) WITH ORDINALITY"
_PERSONAL = f"unnest({', '.join(f'CAST(:personal_{name} AS {kind}[])' for name, kind in PERSONAL.items())})"
_PARENTS = "unnest(CAST(:parent_type AS text[]), CAST(:parent_id AS text[])) AS parent (parent_type, parent_id)"
_CONTENT = ", ".join(CONTENT)
# Text, as it locks, reads and writes at once. Chains are made and locked in one order, so that transactions wait for
# each other in no circle; heads are read by the next statement, once they are locked.
APPEND = Prepared(f"""
    INSERT INTO audit_chains (parent_type, parent_id, account_id)
    SELECT DISTINCT parent_type, parent_id, account_id FROM {_ENTRIES} AS entry ({", ".join(ENTRY)}, nth)
    ORDER BY parent_type, parent_id ON CONFLICT DO NOTHING;
    SELECT FROM audit_chains WHERE (parent_type, parent_id) IN (SELECT parent_type, parent_id FROM {_PARENTS})
    ORDER BY parent_type, parent_id FOR NO KEY UPDATE;
    WITH personal AS (
        INSERT INTO personal_data ({", ".join(PERSONAL)}, created_at)
        SELECT {", ".join(PERSONAL)}, :now FROM {_PERSONAL} AS personal ({", ".join(PERSONAL)})
    ), numbered AS (
        SELECT entry.*, nextval('audit_entries_id_seq') AS id, greatest(chain.at, :now) AS at, chain.head,
            entries + row_number() OVER (PARTITION BY parent_type, parent_id ORDER BY nth) AS position
        FROM {_ENTRIES} AS entry ({", ".join(ENTRY)}, nth)
        JOIN (SELECT parent_type, parent_id, entries, at, head FROM audit_chains) AS chain
            USING (parent_type, parent_id)
        ORDER BY nth
    ), entry AS (
        INSERT INTO audit_entries ({COLUMNS})
        SELECT {_CONTENT}, chain_all(head, entry_content({_CONTENT})) OVER (
            PARTITION BY parent_type, parent_id ORDER BY position ROWS UNBOUNDED PRECEDING
        ) FROM numbered
        RETURNING parent_type, parent_id, position, at, hash
    )
    UPDATE audit_chains AS chain SET entries = last.position, at = last.at, head = last.hash
    FROM (
        SELECT DISTINCT ON (parent_type, parent_id) * FROM entry ORDER BY parent_type, parent_id, position DESC
    ) AS last
    WHERE chain.parent_type = last.parent_type AND chain.parent_id = last.parent_id
""")
