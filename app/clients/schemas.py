"""Request and response schemas of clients."""

from typing import Any

import marshmallow as ma

from app.clients.models import Status
from app.web import fields
from app.web.schemas import (
    CamelSchema,
    ETag,
    PageArguments,
    ReadSchema,
    require_order,
    require_some_field,
    sorting,
    unwrapped,
)

EXAMPLE = {"name": "Acme Corporation", "codeName": "ACME", "startDate": "2025-01-01T00:00:00Z"}


class Client(ReadSchema):
    """A client."""

    etag = ETag.VERSIONED

    id = fields.Text(metadata={"description": "A UUID, or the id from the previous system.", "example": "acme"})
    name = fields.Text(metadata={"example": "Acme Corporation"})
    code_name = fields.Text(allow_none=True, metadata={"description": "Short internal name.", "example": "ACME"})
    status = fields.Choice(Status)
    start_date = fields.Moment(allow_none=True)
    end_date = fields.Moment(allow_none=True)
    created_at = fields.Moment()
    updated_at = fields.Moment()


class _WritableClient(CamelSchema):
    code_name = fields.Identifier(allow_none=True, metadata={"description": "Short internal name."})
    status = fields.Choice(Status, metadata={"description": "Defaults to ACTIVE."})
    start_date = fields.Moment(dates=True, allow_none=True)
    end_date = fields.Moment(whole_day=True, allow_none=True)

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        require_order(values)


class ClientCreate(_WritableClient):
    """A new client, flat or wrapped in `{"param": {…}}`."""

    name = fields.Text(required=True, blank=False)

    @ma.pre_load
    def _unwrap(self, values: Any, **_: Any) -> Any:
        return unwrapped(values)


class ClientUpdate(_WritableClient):
    """The fields of a client to update; `null` clears an optional field."""

    name = fields.Text(blank=False)

    @ma.validates_schema
    def _validate_some(self, values: dict[str, Any], **_: Any) -> None:
        require_some_field(values)


class ClientQuery(PageArguments):
    """Filters of the list of clients."""

    name = fields.Text(metadata={"description": "Part of the name, case-insensitive."})
    code_name = fields.Text(metadata={"description": "Part of the code name, case-insensitive."})
    status = fields.Choice(Status)
    start_date_from = fields.Moment(dates=True)
    start_date_to = fields.Moment(whole_day=True)
    end_date_from = fields.Moment(dates=True)
    end_date_to = fields.Moment(whole_day=True)
    sort_by, sort_order = sorting("name", "start_date", "end_date", "status", "created_at")
