"""Failures at the desk, as examples for the OpenAPI document."""

from app.errors import NotFound

NO_ACCOUNT = NotFound("Account 17 was not found")
