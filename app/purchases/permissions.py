"""The scopes of machines that manage what is sold."""

from app.auth import permissions

READ = permissions.scopes("accounts", "read", "manage")
MANAGE = permissions.scopes("accounts", "manage")
