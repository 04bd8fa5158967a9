"""Creating, reading and updating clients."""

from collections.abc import Mapping
from typing import Any

from app.audit.models import ObjectType
from app.audit.recording import record, state_of
from app.clients import queries
from app.clients.models import Client
from app.db import versions
from app.db.base import db
from app.db.paging import Page
from app.db.versions import Expected
from app.errors import Invalid, NotFound


def search(arguments: Mapping[str, Any]) -> Page:
    """One page of the clients that match."""
    return queries.LIST.page(arguments)


def get(client_id: str) -> Client:
    """The client with this id. Raises NotFound."""
    return _found(db.session.get(Client, client_id), client_id)


def create(values: Mapping[str, Any]) -> Client:
    """Create a client."""
    client = Client(**values)
    db.session.add(client)
    db.session.flush()
    record(ObjectType.CLIENT, client.id, after=state_of(client))
    return client


def update(client_id: str, changes: Mapping[str, Any], expected: Expected) -> Client:
    """Update the given fields.

    Raises NotFound, PreconditionFailed, and Invalid if the client would start after it ends.
    """
    client = _found(db.session.get(Client, client_id, with_for_update={"key_share": True}), client_id)
    versions.require(client.version, expected)
    before = state_of(client)
    for name, value in changes.items():
        setattr(client, name, value)
    if client.start_date and client.end_date and client.start_date > client.end_date:
        name = "startDate" if "start_date" in changes else "endDate"
        raise Invalid.field(name, "startDate must not be after endDate.")
    db.session.flush()
    record(ObjectType.CLIENT, client.id, before=before, after=state_of(client))
    return client


def require(client_id: str) -> None:
    """Raise Invalid, naming `clientId`, unless the client exists."""
    if db.session.get(Client, client_id) is None:
        raise Invalid.field("clientId", f"Client {client_id} does not exist.")


def _found(client: Client | None, client_id: str) -> Client:
    if client is None:
        raise NotFound(f"Client {client_id} was not found")
    return client
