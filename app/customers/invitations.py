"""Invitations to a person, found by their verified e-mail address, from any account."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from app import origin, tenancy
from app.audit.models import ObjectType
from app.audit.recording import record
from app.auth.actor import Actor
from app.clock import utc_now
from app.customers import directory, membership, queries, states
from app.db.base import db
from app.db.paging import Page
from app.db.transaction import transaction
from app.errors import Conflict, NotFound, Reason

# For as long, who asks for an invitation that ended is told so.
ENDED_ARE_KEPT = timedelta(days=90)


def search(actor: Actor, arguments: Mapping[str, Any]) -> Page:
    """One page of the open invitations to the caller, newest first."""
    own = membership.own(actor)
    return queries.INVITATIONS.page(arguments, folded_email=own["folded_email"], now=utc_now())


def prune() -> int:
    """Delete invitations that ended, or expired, long ago, of all accounts; how many."""
    with transaction():
        tenancy.set_every_account()
        before = utc_now() - ENDED_ARE_KEPT
        pruned = list(db.session.execute(queries.PRUNE_INVITATIONS, {"before": before}).scalars())
        directory.forget_members(pruned)
        return len(pruned)


def accept(actor: Actor, invitation_id: int) -> Row[Any]:
    """Make the caller a member of the inviting account, and return the invitation.

    Raises NotFound, and Conflict if the invitation has ended or the caller is already a member.
    """
    invitation, values = _lock(actor, invitation_id)
    if db.session.execute(queries.MEMBERSHIP, values).one_or_none() is not None:
        raise _ended() if invitation.is_accepted else Conflict("You are already a member of this account")
    if db.session.execute(queries.ACCEPT_INVITATION, {**values, **membership.person(actor)}).one_or_none() is None:
        raise _ended()
    _record(invitation, "joined")
    return invitation


def decline(actor: Actor, invitation_id: int) -> Row[Any]:
    """End the invitation without joining, and return it.

    Raises NotFound, and Conflict if the invitation has already ended.
    """
    invitation, values = _lock(actor, invitation_id)
    if db.session.execute(queries.END_INVITATION, {**values, "expected": None}).one_or_none() is None:
        raise _ended()
    _record(invitation, "declined")
    return invitation


def _record(invitation: Row[Any], status: str) -> None:
    directory.list_members(invitation.account_id, [invitation.id])
    record(
        ObjectType.TEAM_MEMBER,
        invitation.id,
        before={"status": "invited"},
        after={"status": status},
        account_id=invitation.account_id,
    )


def _lock(actor: Actor, invitation_id: int) -> tuple[Row[Any], dict[str, Any]]:
    """Find an invitation to the caller, in any state, and lock its account, which becomes the tenant.

    Returns the invitation and the parameters that identify it in further statements. Raises NotFound, and Forbidden if
    the account is closed.
    """
    own = membership.own(actor)
    values = {**own, "invitation_id": invitation_id}
    invitation = db.session.execute(queries.INVITATION, values).one_or_none()
    if invitation is None:
        raise NotFound(f"Invitation {invitation_id} was not found")
    tenancy.set_account(invitation.account_id)
    origin.act_in(invitation.account_id)
    states.lock(invitation.account_id)
    # The time is read under the lock, so that a caller who waited for it decides by the current time.
    return invitation, {
        "member_id": invitation_id,
        "account_id": invitation.account_id,
        "user_id": own["user_id"],
        "now": utc_now(),
    }


def _ended() -> Conflict:
    return Conflict(
        "The invitation was accepted, declined or withdrawn, or it has expired",
        reason=Reason.INVITATION_ENDED,
    )
