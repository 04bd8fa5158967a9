"""Scopes of machines that work on clients."""

from app.auth.permissions import scopes

_RESOURCE = "client"
READ = scopes(_RESOURCE, "read")
CREATE = scopes(_RESOURCE, "create")
UPDATE = scopes(_RESOURCE, "update")
