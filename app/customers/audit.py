"""Checks that every payment and lot has a route to its account, without which no call that names its id finds it."""

from collections.abc import Iterator

from sqlalchemy import text

from app import tenancy
from app.db.audit import Difference
from app.db.base import db
from app.tenancy import Routed

_TABLES = {Routed.PAYMENT: "payments", Routed.CREDIT_LOT: "credit_lots"}
_ROUTES = text(
    " UNION ALL ".join(
        f"""
        SELECT '{kind}' AS kind, made.id, made.account_id, route.account_id AS routed
        FROM {table} AS made LEFT JOIN account_routes AS route ON route.kind = '{kind}' AND route.id = made.id
        WHERE route.account_id IS DISTINCT FROM made.account_id
        """
        for kind, table in _TABLES.items()
    )
    + " ORDER BY kind, id"
)


def differences() -> Iterator[Difference]:
    """Every payment and lot whose route leads to another account or is missing."""
    tenancy.set_every_account()
    for row in db.session.execute(_ROUTES):
        leads = "has no route" if row.routed is None else f"has a route to account {row.routed}"
        yield Difference(f"{row.kind.replace('_', ' ')} {row.id} of account {row.account_id}", leads)
