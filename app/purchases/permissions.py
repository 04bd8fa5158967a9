"""The scopes of machines that manage what is sold."""

from app.auth import permissions

READ = permissions.scopes("accounts", "read")
MANAGE = permissions.scopes("accounts", "manage")
