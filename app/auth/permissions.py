"""The roles people carry and the scopes machines carry."""

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


TALENT_MANAGERS = (Role.TALENT_MANAGER, Role.TOPCODER_TALENT_MANAGER)
PROJECT_MANAGERS = (Role.PROJECT_MANAGER, Role.TOPCODER_PROJECT_MANAGER)


# Every scope there is: the actions on each resource, besides `all`.
_ACTIONS = {
    "client": ("read", "create", "update"),
    "billing-account": ("read", "create", "update"),
    "taas-resourceBookings": ("read", "create", "update"),
    # Work periods come with their booking, so nothing asks for `create`; machines that manage bookings carry it.
    "taas-workPeriods": ("read", "create", "update"),
    "taas-workPeriodPayments": ("read", "create", "update", "process"),
    "credits": ("spend", "grant"),
}
SCOPES = tuple(f"{action}:{resource}" for resource, actions in _ACTIONS.items() for action in (*actions, "all"))


def scopes(resource: str, *actions: str) -> tuple[str, ...]:
    """The scopes that allow `actions` on `resource`, spelled as people write them; `all:` always does.

    Raises ValueError for one that is not in `SCOPES`.
    """
    named = tuple(f"{action}:{resource}" for action in (*actions, "all"))
    unknown = set(named) - set(SCOPES)
    if unknown:
        raise ValueError(f"Not in SCOPES: {', '.join(sorted(unknown))}")
    return named
