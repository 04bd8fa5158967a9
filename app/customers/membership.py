"""The accounts a caller belongs to, and which of them is meant: user id, then membership."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from app.auth.actor import Actor
from app.auth.permissions import Role
from app.customers import queries
from app.customers.models import MemberRole
from app.db.base import db
from app.db.paging import Page
from app.errors import Forbidden, Reason
from app.identifiers import fold_ascii

EVERY_ROLE = frozenset(MemberRole)
MANAGERS = frozenset({MemberRole.OWNER, MemberRole.ADMIN})


class Membership(NamedTuple):
    """The account a caller acts in, and as what."""

    account_id: int
    role: MemberRole


def resolve(actor: Actor, roles: Collection[MemberRole] = EVERY_ROLE, *, or_scopes: Iterable[str] = ()) -> Membership:
    """The membership the caller means: in the account that header or token names, else in the one they joined first.

    Its account is the tenant of the transaction from here on. Raises Forbidden when the caller belongs to no account,
    or not to the one that is named, or has none of `roles` in it; `or_scopes` are named to them as what would do, too.
    """
    found = None
    if actor.user_id is not None:
        values = {"user_id": actor.user_id, "account_id": actor.account_id}
        found = db.session.execute(queries.ENTER, values).one()
    if found is None or found.account_id is None:
        raise no_account(actor.account_id)
    membership = Membership(found.account_id, MemberRole(found.role))
    if membership.role not in roles:
        raise not_a_manager(or_scopes)
    return membership


def no_account(named: int | None) -> Forbidden:
    """The failure of a caller who belongs to no account, or not to the one that is named."""
    if named is not None:
        return Forbidden(f"You do not belong to account {named}", reason=Reason.NO_ACCOUNT)
    return Forbidden(
        "You belong to no account: open one with POST /v1/account/, or accept an invitation", reason=Reason.NO_ACCOUNT
    )


def not_a_manager(or_scopes: Iterable[str]) -> Forbidden:
    """The failure of a member who does not manage the account."""
    details = {"roles": sorted(MANAGERS, reverse=True), "scopes": list(or_scopes)}
    return Forbidden("Only an owner or an admin of the account may do this", details=details)


def not_a_person() -> Forbidden:
    """The failure of a caller whose token names no user."""
    return Forbidden("Only a person who signs in can do this", reason=Reason.NO_ACCOUNT)


def require_person(actor: Actor) -> str:
    """The caller's user id. Raises Forbidden for a token that names no user."""
    if actor.user_id is None:
        raise not_a_person()
    return actor.user_id


def own(actor: Actor) -> dict[str, str]:
    """The values by which queries find what is the caller's own. Raises Forbidden for a token that names no user."""
    return {"user_id": require_person(actor), "folded_email": fold_ascii(verified_email(actor) or "")}


def memberships(actor: Actor, arguments: Mapping[str, Any]) -> Page:
    """One page of the accounts the caller belongs to, the last joined first."""
    return queries.MEMBERSHIPS.page(arguments, user_id=require_person(actor))


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
