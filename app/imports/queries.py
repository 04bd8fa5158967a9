"""Finding runs of imports."""

from sqlalchemy import bindparam, select

from app.db.columns import columns_of
from app.db.fast.prepared import Prepared
from app.db.paging import ListQuery
from app.imports.models import ImportRun

_RUN = select(*columns_of(ImportRun))
LIST = ListQuery(
    rows=_RUN,
    key=ImportRun.id,
    filters={
        "command": ImportRun.command == bindparam("command"),
        "outcome": ImportRun.outcome == bindparam("outcome"),
        "dry_run": ImportRun.dry_run == bindparam("dry_run"),
    },
    sorts={"started_at": ImportRun.id},
    default_sort="started_at",
)
ONE = Prepared(_RUN.where(ImportRun.id == bindparam("run_id")))
