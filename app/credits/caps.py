"""Caps on what members, operations or API keys of an account may spend."""

from collections.abc import Mapping
from typing import Any

from app.auth.actor import account_id_from
from app.credits import queries
from app.credits.hold_models import CapKind
from app.credits.ledger import capping, forecast
from app.credits.ledger.caps import Cap, cap_of
from app.db.base import db
from app.db.paging import Page, whole_list
from app.errors import Invalid, NotFound


def search(account_id: int, arguments: Mapping[str, Any]) -> Page:
    """One page of the caps of an account, newest first, with what is used of each in its present period."""
    values = {"account_ids": [account_id], "account_id": account_id}
    found, due = forecast.read(
        account_id,
        lambda: (
            db.session.execute(queries.CREDITS, values).one(),
            [cap_of(row) for row in db.session.execute(queries.CAPS, values)],
        ),
        lambda read: read[0].due_at,
    )
    caps = found[1] if due is None else due.standing.caps
    for cap in caps:
        cap.enter_period(forecast.now_of(found[0].moved_at))
    return whole_list(caps, arguments)


def put(account_id: int, values: Mapping[str, Any]) -> Cap:
    """Set a cap, in place of the one for the same kind, subject and period. Raises Invalid for an unknown API key."""
    if values["kind"] == CapKind.KEY:
        _require_key(account_id, values["subject"])
    return capping.put(account_id, values["kind"], values["subject"], values["period"], values["credits"])


def _require_key(account_id: int, subject: str) -> None:
    # As it is compared: without leading zeros.
    key_id = account_id_from(subject) if subject == subject.lstrip("0") else None
    known = {"account_id": account_id, "key_id": key_id}
    if key_id is None or not db.session.execute(queries.IS_KEY_OF_ACCOUNT, known).scalar_one():
        raise Invalid.field("subject", "Must be the id of an API key of the account.")


def remove(account_id: int, cap_id: int) -> dict[str, bool]:
    """Remove a cap. Raises NotFound."""
    if not capping.remove(account_id, cap_id):
        raise NotFound(f"Cap {cap_id} was not found")
    return {"removed": True}
