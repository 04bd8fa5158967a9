"""The cause of a change as the columns that every audited row has."""

from typing import Any

from app import origin
from app.audit import actors

# These columns and their types, in the order in which hashes cover them.
CAUSE = {"actor": "bytea", "actor_kind": "text", "action": "text", "reason": "text", "request_id": "text"}


def current() -> dict[str, Any]:
    """The values of these columns for what is written now; the actor is a reference to personal data.

    Also `actor_name`, for statements that return what they wrote.
    """
    caused = origin.current()
    return {
        "actor": actors.reference(caused.actor, caused.account_id),
        "actor_kind": caused.actor_kind,
        "action": caused.action,
        "reason": caused.reason,
        "request_id": caused.request_id,
        "actor_name": caused.actor,
    }
