"""The people of an account. Who is invited becomes a member on first signing in with that e-mail address."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from app.auth.actor import Actor
from app.clock import utc_now
from app.customers import membership, queries
from app.customers.membership import Membership
from app.customers.models import MemberRole
from app.db.base import db
from app.db.paging import Page
from app.errors import Conflict, Forbidden, NotFound, Reason


def members(actor: Actor, arguments: Mapping[str, Any]) -> Page:
    """One page of the members of the caller's account, those who were invited included."""
    return queries.MEMBERS.page(arguments, account_id=membership.enter(actor).account_id)


def invite(actor: Actor, email: str, role: MemberRole) -> Row[Any]:
    """Invite somebody to the caller's account.

    Raises Forbidden unless the caller manages it, and Conflict when that address belongs to a member already.
    """
    caller = membership.enter_as_manager(actor)
    _require_owner_for(caller, role)
    person = {"user_id": None, "email": email, "first_name": "", "last_name": "", "is_staff": False}
    values = {**person, "account_id": caller.account_id, "role": role, "now": utc_now()}
    member = db.session.execute(queries.ADD_MEMBER, values).one_or_none()
    if member is None:
        raise Conflict(f"{email} is a member of this account, or was invited")
    return member


def remove(actor: Actor, member_id: int) -> None:
    """Take somebody out of the caller's account.

    Raises Forbidden unless the caller may, NotFound, and Conflict for the last owner.
    """
    caller = membership.enter_as_manager(actor)
    # One removal at a time: two owners who remove each other must not both succeed.
    db.session.execute(queries.LOCK_ACCOUNT, {"account_id": caller.account_id})
    member = {"account_id": caller.account_id, "member_id": member_id}
    role = db.session.execute(queries.MEMBER_ROLE, member).scalar_one_or_none()
    if role is None:
        raise NotFound(f"Member {member_id} was not found")
    _require_owner_for(caller, MemberRole(role))
    if role == MemberRole.OWNER and not db.session.execute(queries.OTHER_OWNERS, member).scalar_one():
        raise Conflict("The last owner cannot be removed", reason=Reason.LAST_OWNER)
    db.session.execute(queries.REMOVE_MEMBER, member)


def _require_owner_for(caller: Membership, role: MemberRole) -> None:
    if role == MemberRole.OWNER and caller.role != MemberRole.OWNER:
        raise Forbidden("Only an owner decides on owners")
