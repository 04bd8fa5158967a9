"""Which accounts a caller may read, and how much of them: what some single role or scope of theirs shows."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Text, cast, exists, or_

from app.auth.actor import Actor
from app.auth.permissions import PROJECT_MANAGERS
from app.billing_accounts.models import BillingAccount, BillingAccountAccess
from app.billing_accounts.permissions import MANAGERS, MEMBER_VIEW, READ


class Sight(NamedTuple):
    """What a caller sees.

    Everything of every account with `everything`. Otherwise everything of the accounts granted to the user
    `granted_to`, if that is not None, and with `member_view` the members' amounts of every other account.
    """

    everything: bool
    member_view: bool
    granted_to: str | None

    @property
    def limit(self) -> str | None:
        """The user whose grants limit which accounts are visible; None when nothing limits them."""
        return None if self.everything or self.member_view else self.granted_to or ""


def sight(actor: Actor) -> Sight:
    """What the caller sees. A project manager without a user id has no grants; the empty text matches none."""
    return Sight(
        everything=actor.has_role(*MANAGERS) or actor.has_scope(READ),
        member_view=actor.has_role(*MEMBER_VIEW),
        granted_to=(actor.user_id or "") if actor.has_role(*PROJECT_MANAGERS) else None,
    )


def granted_to(user_id: ColumnElement[str]) -> ColumnElement[bool]:
    """The condition that an account is granted to the user."""
    return (
        exists()
        .where(
            BillingAccountAccess.billing_account_id == BillingAccount.id,
            BillingAccountAccess.user_id == user_id,
        )
        .correlate(BillingAccount)
    )


def visible_to(limit: ColumnElement[str | None]) -> ColumnElement[bool]:
    """The condition that an account is visible to a caller with the given `Sight.limit`."""
    user_id = cast(limit, Text)
    return or_(user_id.is_(None), granted_to(user_id))
