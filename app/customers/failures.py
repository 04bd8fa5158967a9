"""Failures of the rules for teams, as examples for the OpenAPI document."""

from app.customers import states
from app.errors import Conflict, Forbidden, Reason

SUSPENDED = states.refusal(7, Reason.ACCOUNT_SUSPENDED)
CLOSED = states.refusal(7, Reason.ACCOUNT_CLOSED)
INVITED = Conflict("bob@harbour.example is already a member of this account or invited to it")
OWNERS_ONLY = Forbidden("Only an owner may add, change or remove owners", details={"roles": ["owner"], "scopes": []})
LAST_OWNER = Conflict("The account must keep an owner; make another member an owner first", reason=Reason.LAST_OWNER)
INVITATION_ENDED = Conflict(
    "The invitation was accepted, declined or withdrawn, or it has expired", reason=Reason.INVITATION_ENDED
)
IS_MEMBER = Conflict("You are already a member of this account")
