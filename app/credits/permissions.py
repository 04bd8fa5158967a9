"""Scopes of machines that spend and grant credits."""

from app.auth.permissions import scopes

_RESOURCE = "credits"
SPEND = scopes(_RESOURCE, "spend")
GRANT = scopes(_RESOURCE, "grant")
