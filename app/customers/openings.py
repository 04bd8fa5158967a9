"""Limits on opening accounts: how many a person opened, and whether they received first credits.

Both are recorded by digests, which are kept when accounts and members are deleted.
"""

from app.auth.actor import Actor
from app.clock import utc_now
from app.customers import membership, queries
from app.db.base import db
from app.errors import Conflict, Reason
from app.identifiers import digest, fold_ascii


def record(actor: Actor, limit: int) -> bool:
    """Count an account that the caller opens, and return whether it receives the first credits of its plan.

    First credits are granted once per issuer and user id, and once per verified e-mail address. Openings that share
    either are serialized. Raises Conflict if the caller already opened `limit` accounts.
    """
    identity = digest("user", actor.issuer, membership.require_person(actor))
    email = membership.verified_email(actor)
    digests = [identity] if email is None else [identity, digest("email", fold_ascii(email))]
    counted = {row.digest: row for row in db.session.execute(queries.COUNT_OPENING, {"digests": digests})}
    if counted[identity].accounts > limit:
        raise Conflict(
            f"You already opened {limit} accounts, the maximum per person",
            reason=Reason.TOO_MANY_ACCOUNTS,
            details={"limit": limit},
        )
    if any(row.granted_at is not None for row in counted.values()):
        return False
    db.session.execute(queries.NOTE_FIRST_GRANT, {"digests": digests, "now": utc_now()})
    return True
