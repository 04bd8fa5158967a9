"""`X-Change-Reason`: why a caller writes something, kept with what is written; and who the caller is."""

from urllib.parse import unquote_to_bytes

from flask import g, request

from app.errors import Invalid
from app.origin import GATEWAY, Origin

HEADER = "X-Change-Reason"
MAX_REASON = 500
PARAMETER = {
    "in": "header",
    "name": HEADER,
    "description": (
        "Why the change is made, in 1 to 500 characters; percent-encoded UTF-8 is decoded. A `reason` in the body takes"
        " precedence."
    ),
    "schema": {"type": "string", "minLength": 1},
}


def origin_of_request(operation: str) -> Origin:
    """The caller of this request and its operation, with the reason given. Raises Invalid for a malformed reason."""
    reason = _reason() if HEADER in request.headers else None
    actor = g.get("actor")
    if actor is None:
        # Only gateways write without a token: they sign what they send.
        return Origin(str(request.url_rule), GATEWAY, operation, reason, g.request_id)
    return Origin(actor.subject, actor.kind, operation, reason, g.request_id)


def _reason() -> str:
    # A header's bytes arrive as Latin-1.
    try:
        reason = unquote_to_bytes(request.headers[HEADER].encode("latin-1")).decode()
    except UnicodeError:
        raise _invalid("Is not percent-encoded UTF-8.") from None
    if not reason.strip():
        raise _invalid("Must not be blank.")
    if len(reason) > MAX_REASON:
        raise _invalid(f"Must not be longer than {MAX_REASON} characters.")
    if "\x00" in reason:
        raise _invalid("Must not contain a NUL character.")
    return reason


def _invalid(problem: str) -> Invalid:
    return Invalid.field(HEADER, problem, location="headers")
