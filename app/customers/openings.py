"""How many accounts somebody opened, and whether they got first credits before.

Both are known by digests, which stay when accounts and members go.
"""

import hashlib

from app.auth.actor import Actor
from app.clock import utc_now
from app.customers import membership, queries
from app.db.base import db
from app.errors import Conflict, Reason
from app.identifiers import fold_ascii


def record(actor: Actor, limit: int) -> bool:
    """Count an account the caller opens; whether it brings the first credits of its plan.

    Those come once for each issuer and user id, and once for each verified e-mail address. Two openings that share
    either are counted one after the other. Raises Conflict when the caller opened as many as `limit`.
    """
    identity = _digest("user", actor.issuer, membership.require_person(actor))
    email = membership.verified_email(actor)
    digests = [identity] if email is None else [identity, _digest("email", fold_ascii(email))]
    counted = {row.digest: row for row in db.session.execute(queries.COUNT_OPENING, {"digests": digests})}
    if counted[identity].accounts > limit:
        raise Conflict(
            f"You opened {limit} accounts, which is as many as one may",
            reason=Reason.TOO_MANY_ACCOUNTS,
            details={"limit": limit},
        )
    if any(row.granted_at is not None for row in counted.values()):
        return False
    db.session.execute(queries.NOTE_FIRST_GRANT, {"digests": digests, "now": utc_now()})
    return True


def _digest(*parts: str) -> str:
    digests = (hashlib.sha256(part.encode()).digest() for part in parts)
    return hashlib.sha256(b"".join(digests)).hexdigest()
