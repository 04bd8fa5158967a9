"""Which account a caller acts in. It follows from the token: user id, then membership."""

from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import Row

from app.auth.actor import Actor
from app.auth.permissions import Role
from app.clock import utc_now
from app.customers import queries
from app.customers.models import MemberRole
from app.db.base import db
from app.errors import Forbidden, Reason

MANAGERS = frozenset({MemberRole.OWNER, MemberRole.ADMIN})


class Membership(NamedTuple):
    """The account somebody acts in, and as what."""

    account_id: int
    role: MemberRole


def enter(actor: Actor) -> Membership:
    """The caller's account; the rest of the transaction sees its rows and no others.

    Invitations to the caller's verified e-mail address become memberships here. Raises Forbidden when the caller
    belongs to no account, or not to the one the token names.
    """
    found = _find(actor)
    if found is None:
        if actor.account_id is not None:
            raise Forbidden("You do not belong to the account that your token names", reason=Reason.NO_ACCOUNT)
        raise Forbidden("You belong to no account: open one with POST /v1/account/", reason=Reason.NO_ACCOUNT)
    return found


def enter_as_manager(actor: Actor) -> Membership:
    """As `enter`, for what only owners and admins of an account may do. Raises Forbidden for others."""
    found = enter(actor)
    if found.role not in MANAGERS:
        raise Forbidden("Only an owner or an admin of the account may do this")
    return found


def belongs(actor: Actor) -> bool:
    """Whether the caller belongs to an account, whichever the token names."""
    return _find(replace(actor, account_id=None)) is not None


def _find(actor: Actor) -> Membership | None:
    if actor.user_id is None:
        return None
    found = _look(actor)
    if found.invited:
        _join(actor)
        found = _look(actor)
    return Membership(found.account_id, MemberRole(found.role)) if found.account_id else None


def _look(actor: Actor) -> Row[Any]:
    values = {"user_id": actor.user_id, "account_id": actor.account_id, "email": verified_email(actor)}
    return db.session.execute(queries.ENTER, values).one()


def _join(actor: Actor) -> None:
    """Accept the invitations to the caller's e-mail address."""
    db.session.execute(queries.JOIN, {"now": utc_now(), **person(actor)})


def person(actor: Actor) -> dict[str, Any]:
    """What the token says of the caller, as a member's columns."""
    return {
        "user_id": actor.user_id,
        "email": verified_email(actor),
        "first_name": actor.first_name or "",
        "last_name": actor.last_name or "",
        "is_staff": actor.has_role(Role.ADMINISTRATOR),
    }


def verified_email(actor: Actor) -> str | None:
    """The caller's e-mail address, unless the token says that it was not verified."""
    return actor.email if actor.email_verified else None
