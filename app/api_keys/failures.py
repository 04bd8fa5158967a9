"""Failures of the rules for API keys, as examples for the OpenAPI document."""

from app.errors import Conflict, NotFound

NO_ACCOUNT = NotFound("Account 7 was not found")
NO_KEY = NotFound("API key 7 was not found")
KEY_ENDED = Conflict("API key 7 is revoked")
