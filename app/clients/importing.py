"""Clients of a previous system, merged by the thousand."""

from typing import IO

from sqlalchemy import text

from app.clients.models import Client, Status
from app.clock import utc_now
from app.db.base import db
from app.db.staging import Merged, stage

COLUMNS = {
    "id": "text",
    "name": "text",
    "code_name": "text",
    "status": "text",
    "start_date": "timestamptz",
    "end_date": "timestamptz",
}
UNKNOWN_ID, UNKNOWN_NAME = "legacy-unknown-client", "Unknown Client (legacy)"

_MERGE = text("""
    WITH merged AS (
        INSERT INTO clients AS known (id, name, code_name, status, start_date, end_date, created_at, updated_at)
        SELECT id, name, code_name, status, start_date, end_date, :now, :now FROM staged_clients ORDER BY id
        ON CONFLICT (id) DO UPDATE SET
            name = excluded.name, code_name = excluded.code_name, status = excluded.status,
            start_date = excluded.start_date, end_date = excluded.end_date,
            updated_at = excluded.updated_at, version = known.version + 1
        WHERE (known.name, known.code_name, known.status, known.start_date, known.end_date)
            IS DISTINCT FROM
            (excluded.name, excluded.code_name, excluded.status, excluded.start_date, excluded.end_date)
        RETURNING old.id IS NULL AS created
    )
    SELECT count(*) FILTER (WHERE created) AS created, count(*) FILTER (WHERE NOT created) AS updated FROM merged
""")


def merge(lines: IO[bytes]) -> Merged:
    """Create or update a client for each of the CSV `lines` of COLUMNS; the last of several with one id counts."""
    kept = stage("staged_clients", COLUMNS, ["id"], lines)
    created, updated = db.session.execute(_MERGE, {"now": utc_now()}).one()
    return Merged(created, updated, kept - created - updated)


def ensure_unknown() -> None:
    """Make the client of accounts whose own is unknown, unless it is there."""
    if db.session.get(Client, UNKNOWN_ID) is None:
        db.session.add(Client(id=UNKNOWN_ID, name=UNKNOWN_NAME, status=Status.ACTIVE))
        db.session.flush()
