"""Where a person begins."""

from app.auth.actor import Actor
from app.auth.permissions import PROJECT_MANAGERS, TALENT_MANAGERS, Role

_STAFF = (Role.ADMINISTRATOR, Role.BOOKING_MANAGER, Role.COPILOT, *TALENT_MANAGERS, *PROJECT_MANAGERS)


def home_of(actor: Actor) -> str:
    """The console for people with a role, the portal for customers."""
    return "/console" if actor.has_role(*_STAFF) else "/portal"
