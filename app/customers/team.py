"""The people of an account, and those who are invited to it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row

from app.auth.actor import Actor
from app.clock import utc_now
from app.customers import membership, queries
from app.customers.membership import Membership
from app.customers.models import MemberRole
from app.db.base import db
from app.db.paging import Page
from app.errors import Conflict, Forbidden, NotFound, Reason
from app.identifiers import fold_ascii

INVITATIONS_LIVE = timedelta(days=14)


def members(account_id: int, arguments: Mapping[str, Any]) -> Page:
    """One page of the team of an account, newest first; open invitations are part of it."""
    return queries.MEMBERS.page(arguments, account_id=account_id, now=utc_now())


def invite(actor: Actor, caller: Membership, email: str, role: MemberRole) -> Row[Any]:
    """Invite a person to the caller's account, for 14 days.

    Raises Forbidden when anybody but an owner invites an owner, and Conflict when that address is a member's or invited
    already.
    """
    _require_owner_for(caller, role)
    now = utc_now()
    invitation = {
        "account_id": caller.account_id,
        "user_id": None,
        "email": email,
        "first_name": "",
        "last_name": "",
        "role": role,
        "is_staff": False,
        "invited_by": membership.verified_email(actor) or actor.subject,
        "expires_at": now + INVITATIONS_LIVE,
        "now": now,
    }
    db.session.execute(queries.END_EXPIRED, {**invitation, "folded_email": fold_ascii(email)})
    member = db.session.execute(queries.ADD_MEMBER, invitation).one_or_none()
    if member is None:
        raise Conflict(f"{email} is a member of this account, or was invited")
    return member


def change_role(actor: Actor, caller: Membership, member_id: int, role: MemberRole) -> Row[Any]:
    """Give a member, or an invitation, of the caller's account another role.

    Raises Forbidden unless the caller may, NotFound, and Conflict when no owner who can sign in would be left.
    """
    caller = _lock(actor, caller, member_id, stays_owner=role == MemberRole.OWNER).caller
    _require_owner_for(caller, role)
    values = {"account_id": caller.account_id, "member_id": member_id, "role": role}
    return db.session.execute(queries.SET_ROLE, values).one()


def remove(actor: Actor, caller: Membership, member_id: int) -> None:
    """Take a member out of the caller's account, or withdraw an invitation.

    Raises Forbidden unless the caller may, NotFound, and Conflict for the last owner.
    """
    caller, member = _lock(actor, caller, member_id, stays_owner=False)
    values = {"account_id": caller.account_id, "member_id": member_id, "now": utc_now()}
    db.session.execute(queries.REMOVE_MEMBER if member.is_active else queries.END_INVITATION, values)


def leave(actor: Actor, caller: Membership) -> Row[Any]:
    """Take the caller out of the account they mean; the membership that ends.

    Raises Forbidden when it ended meanwhile, and Conflict for the last owner.
    """
    account_id = caller.account_id
    db.session.execute(queries.LOCK_ACCOUNT, {"account_id": account_id})
    own = db.session.execute(queries.MEMBERSHIP, {"account_id": account_id, "user_id": actor.user_id}).one_or_none()
    if own is None:
        raise Forbidden(f"You do not belong to account {account_id}", reason=Reason.NO_ACCOUNT)
    values = {"account_id": account_id, "member_id": own.id, "now": utc_now()}
    _require_other_owner(account_id, db.session.execute(queries.MEMBER, values).one())
    db.session.execute(queries.REMOVE_MEMBER, values)
    return own


class _Decision(NamedTuple):
    """Who decides on somebody of a team, and on whom."""

    caller: Membership
    member: Row[Any]


def _lock(actor: Actor, caller: Membership, member_id: int, *, stays_owner: bool) -> _Decision:
    """A member of the team of the caller's account, which is locked: changes of a team wait for one another.

    Raises Forbidden unless the caller decides on them, NotFound, and Conflict for the last owner unless they stay one.
    """
    db.session.execute(queries.LOCK_ACCOUNT, {"account_id": caller.account_id})
    values = {"account_id": caller.account_id, "member_id": member_id, "now": utc_now()}
    member = db.session.execute(queries.MEMBER, values).one_or_none()
    if member is None:
        raise NotFound(f"Member {member_id} was not found")
    _require_owner_for(caller, MemberRole(member.role))
    if not stays_owner:
        _require_other_owner(caller.account_id, member)
    # Again under the lock: a caller who waited for it may have lost their role to the change they waited for.
    caller = membership.resolve(replace(actor, account_id=caller.account_id), membership.MANAGERS)
    _require_owner_for(caller, MemberRole(member.role))
    return _Decision(caller, member)


def _require_owner_for(caller: Membership, role: MemberRole) -> None:
    if role == MemberRole.OWNER and caller.role != MemberRole.OWNER:
        raise Forbidden("Only an owner decides on owners", details={"roles": [MemberRole.OWNER], "scopes": []})


def _require_other_owner(account_id: int, member: Row[Any]) -> None:
    """Raise Conflict if the account would be left without an owner who can sign in, were it not for this member."""
    if member.role != MemberRole.OWNER or not member.is_active:
        return
    values = {"account_id": account_id, "member_id": member.id}
    if not db.session.execute(queries.OTHER_OWNERS, values).scalar_one():
        raise Conflict("An account keeps its last owner: make another member an owner first", reason=Reason.LAST_OWNER)
