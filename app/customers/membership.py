"""The memberships of a caller, and which of them a request uses."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from app import tenancy
from app.auth.actor import Actor
from app.auth.guards import forbidden
from app.auth.permissions import Role
from app.customers import queries
from app.customers.models import MemberRole
from app.db.base import db
from app.db.paging import Page
from app.errors import Forbidden, NotFound, Reason
from app.identifiers import fold_ascii

EVERY_ROLE = frozenset(MemberRole)
MANAGERS = frozenset({MemberRole.OWNER, MemberRole.ADMIN})


class Membership(NamedTuple):
    """The account that a caller acts in, and their role in it."""

    account_id: int
    role: MemberRole


def resolve(actor: Actor, roles: Collection[MemberRole] = EVERY_ROLE, *, or_scopes: Iterable[str] = ()) -> Membership:
    """The membership that the request uses: in the account of the header or token, else the one joined first.

    Sets its account as the tenant of the transaction. Raises Forbidden if the caller has no membership, or none in the
    selected account, or none of `roles` in it; the failure lists `or_scopes` as an alternative.
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


def of_key(actor: Actor, roles: Collection[MemberRole], scopes: Iterable[str]) -> Membership:
    """What stands for a membership of an API key: it acts in its account, which becomes the tenant, as a member.

    Raises Forbidden if the key is of no account, or has none of `scopes`; the failure lists `roles` as an alternative.
    Raises NotFound if the request selects another account.
    """
    if actor.bound_to is None or not actor.has_scope(scopes):
        raise not_of_key(roles, scopes)
    if actor.account_id != actor.bound_to:
        raise NotFound(f"Account {actor.account_id} was not found")
    tenancy.set_account(actor.bound_to)
    return Membership(actor.bound_to, MemberRole.MEMBER)


def not_of_key(roles: Collection[MemberRole], scopes: Iterable[str]) -> Forbidden:
    """The failure of an API key that has none of `scopes`."""
    return forbidden([role for role in MemberRole if role in roles], scopes)


def no_account(named: int | None) -> Forbidden:
    """The failure of a caller without any membership, or without one in the account `named`."""
    if named is not None:
        return Forbidden(f"You are not a member of account {named}", reason=Reason.NO_ACCOUNT)
    return Forbidden(
        "You are not a member of any account; open one with POST /v1/account/, or accept an invitation",
        reason=Reason.NO_ACCOUNT,
    )


def not_a_manager(or_scopes: Iterable[str]) -> Forbidden:
    """The failure of a member who is neither owner nor admin of the account."""
    details = {"roles": sorted(MANAGERS, reverse=True), "scopes": list(or_scopes)}
    return Forbidden("Only an owner or an admin of the account may do this", details=details)


def not_a_person() -> Forbidden:
    """The failure of a caller whose token has no user id."""
    return Forbidden("Only people may do this; the token has no user id", reason=Reason.NO_ACCOUNT)


def require_person(actor: Actor) -> str:
    """The caller's user id. Raises Forbidden for a token without one."""
    if actor.user_id is None:
        raise not_a_person()
    return actor.user_id


def own(actor: Actor) -> dict[str, str]:
    """The parameters by which queries find the caller's own rows. Raises Forbidden for a token without a user id."""
    return {"user_id": require_person(actor), "folded_email": fold_ascii(verified_email(actor) or "")}


def memberships(actor: Actor, arguments: Mapping[str, Any]) -> Page:
    """One page of the caller's memberships, most recently joined first."""
    return queries.MEMBERSHIPS.page(arguments, user_id=require_person(actor))


def person(actor: Actor) -> dict[str, Any]:
    """The claims of the caller's token, as columns of a member."""
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
