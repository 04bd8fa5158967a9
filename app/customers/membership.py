"""The accounts a caller belongs to, and which of them is meant: user id, then membership."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Row

from app.auth.actor import Actor
from app.auth.permissions import Role
from app.customers import queries
from app.customers.models import MemberRole
from app.db import tenancy
from app.db.base import db
from app.db.paging import Page
from app.errors import Forbidden, Reason
from app.identifiers import fold_ascii

MANAGERS = frozenset({MemberRole.OWNER, MemberRole.ADMIN})


class Membership(NamedTuple):
    """The account somebody acts in, and as what."""

    account_id: int
    role: MemberRole


def enter(actor: Actor) -> Membership:
    """The account the caller means: the one named by header or token, else the one they joined first.

    The rest of the transaction sees its rows and no others. Raises Forbidden when the caller belongs to no account, or
    not to the one that is named.
    """
    found = _look(actor)
    if found is None:
        if actor.account_id is not None:
            raise Forbidden(f"You do not belong to account {actor.account_id}", reason=Reason.NO_ACCOUNT)
        raise Forbidden(
            "You belong to no account: open one with POST /v1/account/, or accept an invitation",
            reason=Reason.NO_ACCOUNT,
        )
    return Membership(found.account_id, MemberRole(found.role))


def enter_as_manager(actor: Actor, *, or_scopes: Iterable[str] = ()) -> Membership:
    """As `enter`, for what only owners and admins of an account may do.

    Raises Forbidden for others, which names the scopes that would do as well.
    """
    found = enter(actor)
    if found.role not in MANAGERS:
        details = {"roles": sorted(MANAGERS, reverse=True), "scopes": list(or_scopes)}
        raise Forbidden("Only an owner or an admin of the account may do this", details=details)
    return found


def require_person(actor: Actor) -> str:
    """The caller's user id. Raises Forbidden for a token that names no user."""
    if actor.user_id is None:
        raise Forbidden("Only a person who signs in can do this", reason=Reason.NO_ACCOUNT)
    return actor.user_id


def see_own(actor: Actor) -> dict[str, str]:
    """Let the rest of the transaction read what is the caller's own; the values by which queries find it.

    Raises Forbidden for a token that names no user.
    """
    found = {"user_id": require_person(actor), "folded_email": fold_ascii(verified_email(actor) or "")}
    tenancy.see_as_person(**found)
    return found


def memberships(actor: Actor, arguments: Mapping[str, Any]) -> Page:
    """One page of the accounts the caller belongs to, the last joined first. Raises Forbidden."""
    return queries.MEMBERSHIPS.page(arguments, user_id=see_own(actor)["user_id"])


def _look(actor: Actor) -> Row[Any] | None:
    if actor.user_id is None:
        return None
    values = {"user_id": actor.user_id, "account_id": actor.account_id}
    found = db.session.execute(queries.ENTER, values).one()
    return None if found.account_id is None else found


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
    """The caller's e-mail address if it is verified."""
    return actor.email if actor.email_verified else None
