"""The list of clients."""

from app.db import row_counts
from app.db.paging import ListQuery, contains

LIST = ListQuery(
    columns="c.id, c.name, c.code_name, c.status, c.start_date, c.end_date, c.created_at, c.updated_at",
    source="clients c",
    key="c.id",
    joins="JOIN clients c ON c.id = page.key",
    filters={
        "name": contains("c.name", "name"),
        "code_name": contains("c.code_name", "code_name"),
        "status": "c.status = :status",
        "start_date_from": "c.start_date >= :start_date_from",
        "start_date_to": "c.start_date <= :start_date_to",
        "end_date_from": "c.end_date >= :end_date_from",
        "end_date_to": "c.end_date <= :end_date_to",
    },
    sorts={
        "name": "fold_text(c.name)",
        "start_date": "c.start_date",
        "end_date": "c.end_date",
        "status": "c.status",
        "created_at": "c.created_at",
    },
    default_sort="created_at",
    counts=row_counts.unfiltered("clients"),
)
