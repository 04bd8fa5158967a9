"""The team of an account: its members and open invitations."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Row

from app.audit.models import ObjectType
from app.audit.recording import record
from app.auth.actor import Actor
from app.clock import utc_now
from app.customers import directory, membership, queries, states
from app.customers.membership import Membership
from app.customers.models import MemberRole
from app.db import versions
from app.db.base import db
from app.db.paging import ListQuery, Page
from app.db.versions import Expected
from app.errors import Conflict, Forbidden, NotFound, Reason
from app.identifiers import fold_ascii

# The columns of a membership: its id, three of the account, the role, and when it began.
EndedMembership: TypeAlias = Row[int, int, str, str, str, datetime | None]
INVITATIONS_LIVE = timedelta(days=14)


def members(account_id: int, arguments: Mapping[str, Any], listed: ListQuery | None = None) -> Page:
    """One page of the members and open invitations of an account, newest first.

    `listed` is a query of the same rows with more columns.
    """
    return (listed or queries.MEMBERS).page(arguments, account_id=account_id, now=utc_now())


def get(account_id: int, member_id: int) -> Row[Any]:
    """One member, or an open invitation, of an account. Raises NotFound."""
    return _find({"account_id": account_id, "member_id": member_id, "now": utc_now()})


def every_invitation(account_id: int) -> Sequence[Row[Any]]:
    """The invitations of an account that were not accepted, those that ended included, newest first."""
    return db.session.execute(queries.EVERY_INVITATION, {"account_id": account_id}).all()


def invite(actor: Actor, caller: Membership, email: str, role: MemberRole) -> Row[Any]:
    """Invite a person to the caller's account, for 14 days.

    Raises Forbidden if a caller who is not an owner invites an owner, or the account is closed, and Conflict if the
    address is already a member or invited.
    """
    states.lock(caller.account_id)
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
        "invited_at": now,
        "invited_by": membership.verified_email(actor) or actor.subject,
        "expires_at": now + INVITATIONS_LIVE,
        "date_joined": None,
    }
    expired = {"account_id": caller.account_id, "folded_email": fold_ascii(email), "now": now}
    directory.list_members(caller.account_id, list(db.session.execute(queries.END_EXPIRED, expired).scalars()))
    member = db.session.execute(queries.ADD_MEMBER, invitation).one_or_none()
    if member is None:
        raise Conflict(f"{email} is already a member of this account or invited to it")
    _record(caller.account_id, member.id, after={"email": email, "role": role})
    return member


def change_role(actor: Actor, caller: Membership, member_id: int, role: MemberRole, expected: Expected) -> Row[Any]:
    """Set the role of a member or an invitation of the caller's account.

    Raises Forbidden if the caller may not, NotFound, PreconditionFailed, and Conflict if no owner who has joined would
    be left.
    """
    caller, member = _lock(actor, caller, member_id, stays_owner=role == MemberRole.OWNER)
    _require_owner_for(caller, role)
    values = {"account_id": caller.account_id, "member_id": member_id, "role": role}
    changed = db.session.execute(queries.SET_ROLE, {**values, "expected": versions.listed(expected)}).one_or_none()
    if changed is None:
        raise versions.failure(member.version, expected)
    _record(caller.account_id, member_id, before={"role": member.role}, after={"role": role})
    return changed


def remove(actor: Actor, caller: Membership, member_id: int, expected: Expected) -> None:
    """Remove a member from the caller's account, or withdraw an invitation.

    Raises Forbidden if the caller may not, NotFound, PreconditionFailed, and Conflict for the last owner.
    """
    caller, member = _lock(actor, caller, member_id, stays_owner=False)
    removal = queries.REMOVE_MEMBER if member.is_active else queries.END_INVITATION
    values = {"account_id": caller.account_id, "member_id": member_id, "now": utc_now()}
    if db.session.execute(removal, {**values, "expected": versions.listed(expected)}).one_or_none() is None:
        raise versions.failure(member.version, expected)
    _record(caller.account_id, member_id, before={"email": member.email, "role": member.role})


def leave(actor: Actor, caller: Membership) -> EndedMembership:
    """End the caller's membership in the account, and return it.

    Raises Forbidden if it ended meanwhile or the account is closed, and Conflict for the last owner.
    """
    account_id = caller.account_id
    states.lock(account_id)
    own = db.session.execute(queries.MEMBERSHIP, {"account_id": account_id, "user_id": actor.user_id}).one_or_none()
    if own is None:
        raise Forbidden(f"You are not a member of account {account_id}", reason=Reason.NO_ACCOUNT)
    values = {"account_id": account_id, "member_id": own.id, "now": utc_now()}
    member = db.session.execute(queries.MEMBER, values).one()
    _require_other_owner(account_id, member)
    db.session.execute(queries.REMOVE_MEMBER, {**values, "expected": None})
    _record(account_id, own.id, before={"email": member.email, "role": member.role})
    return own


def _record(
    account_id: int, member_id: int, *, before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None
) -> None:
    directory.list_members(account_id, [member_id])
    record(ObjectType.TEAM_MEMBER, member_id, before=before, after=after, account_id=account_id)


class _Decision(NamedTuple):
    """A caller who changes a team, and the member they change."""

    caller: Membership
    member: Row[Any]


def _lock(actor: Actor, caller: Membership, member_id: int, *, stays_owner: bool) -> _Decision:
    """Lock the caller's account, so that changes to its team are serialized, and find the member.

    Raises Forbidden if the caller may not change the member, NotFound, and Conflict for the last owner unless they
    stay an owner.
    """
    states.lock(caller.account_id)
    values = {"account_id": caller.account_id, "member_id": member_id, "now": utc_now()}
    member = _find(values)
    _require_owner_for(caller, MemberRole(member.role))
    if not stays_owner:
        _require_other_owner(caller.account_id, member)
    # Resolved again under the lock: the change that the caller waited for may have taken their role.
    caller = membership.resolve(replace(actor, account_id=caller.account_id), membership.MANAGERS)
    _require_owner_for(caller, MemberRole(member.role))
    return _Decision(caller, member)


def _find(values: Mapping[str, Any]) -> Row[Any]:
    member = db.session.execute(queries.MEMBER, values).one_or_none()
    if member is None:
        raise NotFound(f"Member {values['member_id']} was not found")
    return member


def _require_owner_for(caller: Membership, role: MemberRole) -> None:
    if role == MemberRole.OWNER and caller.role != MemberRole.OWNER:
        raise Forbidden(
            "Only an owner may add, change or remove owners", details={"roles": [MemberRole.OWNER], "scopes": []}
        )


def _require_other_owner(account_id: int, member: Row[Any]) -> None:
    """Raise Conflict if this member is the only owner of the account who has joined."""
    if member.role != MemberRole.OWNER or not member.is_active:
        return
    values = {"account_id": account_id, "member_id": member.id}
    if not db.session.execute(queries.OTHER_OWNERS, values).scalar_one():
        raise Conflict("The account must keep an owner; make another member an owner first", reason=Reason.LAST_OWNER)
