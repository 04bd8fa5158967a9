"""Who works at the desk: administrators, and machines with these scopes."""

from app.auth.permissions import Role, scopes

_RESOURCE = "accounts"
STAFF = (Role.ADMINISTRATOR,)
READ = scopes(_RESOURCE, "read")
MANAGE = scopes(_RESOURCE, "manage")
