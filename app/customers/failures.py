"""Failures of the rules of teams, as the document shows them."""

from app.errors import Conflict, Forbidden, Reason

INVITED = Conflict("bob@harbour.example is a member of this account, or was invited")
OWNERS_ONLY = Forbidden("Only an owner decides on owners", details={"roles": ["owner"], "scopes": []})
LAST_OWNER = Conflict("An account keeps its last owner: make another member an owner first", reason=Reason.LAST_OWNER)
INVITATION_ENDED = Conflict(
    "The invitation has ended: it was accepted, declined or withdrawn, or it expired", reason=Reason.INVITATION_ENDED
)
IS_MEMBER = Conflict("You belong to this account already")
