"""The roles of people and the scopes of machines."""

from enum import StrEnum


class Role(StrEnum):
    """Roles as in tokens, in lower case; they are compared ignoring case."""

    ADMINISTRATOR = "administrator"
    BOOKING_MANAGER = "bookingmanager"
    COPILOT = "copilot"
    TALENT_MANAGER = "talent manager"
    TOPCODER_TALENT_MANAGER = "topcoder talent manager"
    PROJECT_MANAGER = "project manager"
    TOPCODER_PROJECT_MANAGER = "topcoder project manager"


TALENT_MANAGERS = (Role.TALENT_MANAGER, Role.TOPCODER_TALENT_MANAGER)
PROJECT_MANAGERS = (Role.PROJECT_MANAGER, Role.TOPCODER_PROJECT_MANAGER)


# All scopes: the actions on each resource, besides `all`.
_ACTIONS = {
    "client": ("read", "create", "update"),
    "billing-account": ("read", "create", "update"),
    "taas-resourceBookings": ("read", "create", "update"),
    # No operation requires `create`, because work periods are created with their booking; machines still have it.
    "taas-workPeriods": ("read", "create", "update"),
    "taas-workPeriodPayments": ("read", "create", "update", "process"),
    "credits": ("spend", "grant"),
    # Of customers, at the vendor's desk.
    "accounts": ("read", "manage"),
    "audit": ("read",),
    "health": ("read",),
}
# Of API keys of a customer account: what any member of it may read.
READ_ACCOUNT = "read:account"
SCOPES = tuple(f"{action}:{resource}" for resource, actions in _ACTIONS.items() for action in (*actions, "all"))


def scopes(resource: str, *actions: str) -> tuple[str, ...]:
    """The scopes that permit `actions` on `resource`, including `all:`.

    Raises ValueError for a scope that is not in `SCOPES`.
    """
    named = tuple(f"{action}:{resource}" for action in (*actions, "all"))
    unknown = set(named) - set(SCOPES)
    if unknown:
        raise ValueError(f"Not in SCOPES: {', '.join(sorted(unknown))}")
    return named
