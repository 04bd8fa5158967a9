"""Who may be let in: the roles people carry and the scopes machines carry."""

from enum import StrEnum


class Role(StrEnum):
    """Roles as they stand in a token, in lower case: comparison ignores case."""

    ADMINISTRATOR = "administrator"
    BOOKING_MANAGER = "bookingmanager"
    COPILOT = "copilot"
    TALENT_MANAGER = "talent manager"
    TOPCODER_TALENT_MANAGER = "topcoder talent manager"
    PROJECT_MANAGER = "project manager"
    TOPCODER_PROJECT_MANAGER = "topcoder project manager"


class SignedIn(StrEnum):
    """Who may call what belongs to a customer account, in the words of the document. The services see to it."""

    MEMBER = "a member of the account"
    MANAGER = "an owner or an admin of the account"
    NEWCOMER = "somebody who belongs to no account yet"


TALENT_MANAGERS = (Role.TALENT_MANAGER, Role.TOPCODER_TALENT_MANAGER)
PROJECT_MANAGERS = (Role.PROJECT_MANAGER, Role.TOPCODER_PROJECT_MANAGER)


def scopes(resource: str, *actions: str) -> tuple[str, ...]:
    """The scopes that allow `actions` on `resource`, spelled as people write them; `all:` always does."""
    return tuple(f"{action}:{resource}" for action in (*actions, "all"))
