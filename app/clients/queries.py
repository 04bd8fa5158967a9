"""The list of clients."""

from sqlalchemy import bindparam, func, select

from app.clients.models import Client
from app.db import row_counts
from app.db.columns import columns_of
from app.db.paging import ListQuery, contains

LIST = ListQuery(
    rows=select(*columns_of(Client, but={"version"})),
    key=Client.id,
    filters={
        "name": contains(Client.name, "name"),
        "code_name": contains(Client.code_name, "code_name"),
        "status": Client.status == bindparam("status"),
        "start_date_from": Client.start_date >= bindparam("start_date_from"),
        "start_date_to": Client.start_date <= bindparam("start_date_to"),
        "end_date_from": Client.end_date >= bindparam("end_date_from"),
        "end_date_to": Client.end_date <= bindparam("end_date_to"),
    },
    sorts={
        "name": func.fold_text(Client.name),
        "start_date": Client.start_date,
        "end_date": Client.end_date,
        "status": Client.status,
        "created_at": Client.created_at,
    },
    default_sort="created_at",
    counts=row_counts.unfiltered(Client),
    only_shown=True,
)
