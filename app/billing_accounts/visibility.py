"""Which accounts a caller may read, and how much of them."""

from app.auth.actor import Actor
from app.auth.permissions import PROJECT_MANAGERS, TALENT_MANAGERS, Role, scopes

READ_SCOPES = scopes("billing-account", "read")
SEES_ALL = (Role.ADMINISTRATOR, Role.COPILOT, *TALENT_MANAGERS)


def granted_to(actor: Actor) -> str | None:
    """The user whose grants limit what the caller sees; None when nothing limits it.

    A project manager without a user id has no grants; the empty text matches none.
    """
    if actor.has_role(*SEES_ALL) or actor.has_scope(READ_SCOPES):
        return None
    return actor.user_id or ""


def sees_member_amounts_only(actor: Actor) -> bool:
    """Whether being a copilot is all that lets the caller read: they never see a markup."""
    others = (Role.ADMINISTRATOR, *TALENT_MANAGERS, *PROJECT_MANAGERS)
    return actor.has_role(Role.COPILOT) and not (actor.has_role(*others) or actor.has_scope(READ_SCOPES))
