"""Invitations as the person invited sees them: those to their verified e-mail address, of any account."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from app import tenancy
from app.auth.actor import Actor
from app.clock import utc_now
from app.customers import membership, queries
from app.db.base import db
from app.db.paging import Page
from app.errors import Conflict, NotFound, Reason


def search(actor: Actor, arguments: Mapping[str, Any]) -> Page:
    """One page of the invitations that the caller can accept, newest first."""
    own = membership.own(actor)
    return queries.INVITATIONS.page(arguments, folded_email=own["folded_email"], now=utc_now())


def accept(actor: Actor, invitation_id: int) -> Row[Any]:
    """Make the caller a member of the account that invites them; the invitation.

    Raises NotFound, and Conflict when the invitation ended or the caller belongs to the account already.
    """
    invitation, values = _lock(actor, invitation_id)
    if db.session.execute(queries.MEMBERSHIP, values).one_or_none() is not None:
        raise _ended() if invitation.is_accepted else Conflict("You belong to this account already")
    if db.session.execute(queries.ACCEPT_INVITATION, {**values, **membership.person(actor)}).one_or_none() is None:
        raise _ended()
    return invitation


def decline(actor: Actor, invitation_id: int) -> Row[Any]:
    """End the invitation without the caller joining; the invitation.

    Raises NotFound, and Conflict when the invitation ended before.
    """
    invitation, values = _lock(actor, invitation_id)
    if db.session.execute(queries.END_INVITATION, values).one_or_none() is None:
        raise _ended()
    return invitation


def _lock(actor: Actor, invitation_id: int) -> tuple[Row[Any], dict[str, Any]]:
    """An invitation to the caller, of any state, and the values that say which; its account is locked from here on.

    The rest of the transaction sees that account alone. Raises NotFound.
    """
    own = membership.own(actor)
    values = {**own, "invitation_id": invitation_id}
    invitation = db.session.execute(queries.INVITATION, values).one_or_none()
    if invitation is None:
        raise NotFound(f"Invitation {invitation_id} was not found")
    tenancy.set_account(invitation.account_id)
    db.session.execute(queries.LOCK_ACCOUNT, {"account_id": invitation.account_id})
    # The time is taken under the lock: a caller who waited for it decides by the time of the decision.
    return invitation, {
        "member_id": invitation_id,
        "account_id": invitation.account_id,
        "user_id": own["user_id"],
        "now": utc_now(),
    }


def _ended() -> Conflict:
    return Conflict(
        "The invitation has ended: it was accepted, declined or withdrawn, or it expired",
        reason=Reason.INVITATION_ENDED,
    )
