"""Who may call what of billing accounts."""

from app.auth.permissions import PROJECT_MANAGERS, TALENT_MANAGERS, Role, scopes

_RESOURCE = "billing-account"
READ = scopes(_RESOURCE, "read")
CREATE = scopes(_RESOURCE, "create")
UPDATE = scopes(_RESOURCE, "update")
MANAGERS = (Role.ADMINISTRATOR, *TALENT_MANAGERS)
# These see every account without its markup, and amounts as they reach the members.
MEMBER_VIEW = (Role.COPILOT, Role.BOOKING_MANAGER)
SEES_ALL = (*MANAGERS, *MEMBER_VIEW)
# Project managers read the accounts granted to them.
READERS = (*SEES_ALL, *PROJECT_MANAGERS)
