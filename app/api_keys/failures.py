"""Failures of the rules for API keys, as examples for the OpenAPI document."""

from app.customers import states
from app.errors import Conflict, NotFound, Reason

NO_ACCOUNT = NotFound("Account 7 was not found")
KEY_ENDED = Conflict("API key 7 is revoked")
ACCOUNT_CLOSED = states.refusal(7, Reason.ACCOUNT_CLOSED)
