"""The history of objects."""

from collections.abc import Callable, Mapping
from typing import Any

from app.audit import trail
from app.audit.models import ObjectType
from app.billing_accounts import service as billing_accounts
from app.clients import service as clients
from app.db.paging import Page
from app.work_periods import bookings, payments

_REQUIRE: dict[ObjectType, Callable[[Any], object]] = {
    ObjectType.CLIENT: clients.get,
    ObjectType.BILLING_ACCOUNT: billing_accounts.require_known,
    ObjectType.RESOURCE_BOOKING: bookings.get,
    ObjectType.WORK_PERIOD_PAYMENT: payments.get,
}


def history(kind: ObjectType, object_id: object, arguments: Mapping[str, Any]) -> Page:
    """One page of the changes of an object, newest first. Raises NotFound."""
    _REQUIRE[kind](object_id)
    return trail.of_object(kind, object_id, arguments)
