"""Who is signed in: one-time links, and the sessions that they and the identity provider begin.

A session is stored, so that signing out ends it on every copy of the service; its browser keeps a random secret.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from app.clock import utc_now
from app.console import queries
from app.console.models import SignInKind
from app.db.base import db
from app.db.transaction import autocommit, transaction

LINK_LIVES = timedelta(hours=1)


def offer(claims: Mapping[str, Any], *, session_hours: int, link_lives: timedelta = LINK_LIVES) -> str:
    """The secret of a link that signs a person with these claims in, once."""
    with transaction():
        return _add(SignInKind.LINK, claims, session_hours, link_lives)


def redeem(link: str) -> str | None:
    """The secret of the session that a link begins; None if the link was used, has expired, or never existed."""
    with transaction():
        found = db.session.execute(queries.TAKE, _valid(link, SignInKind.LINK)).one_or_none()
        if found is None:
            return None
        return _add(SignInKind.SESSION, found.claims, found.session_hours, timedelta(hours=found.session_hours))


def begin(claims: Mapping[str, Any], *, session_hours: int) -> str:
    """The secret of a new session of a person whom the identity provider vouches for."""
    with transaction():
        return _add(SignInKind.SESSION, claims, session_hours, timedelta(hours=session_hours))


def find(session: str) -> dict[str, Any] | None:
    """The claims of the person of a session, or None if it has ended."""
    with autocommit():
        claims: dict[str, Any] | None = db.session.execute(
            queries.FIND, _valid(session, SignInKind.SESSION)
        ).scalar_one_or_none()
    # The calls of a page take a connection of their own: it would hold two, and so need a pool twice as large.
    db.session.close()
    return claims


def end(session: str) -> None:
    """End a session."""
    with transaction():
        db.session.execute(queries.TAKE, _valid(session, SignInKind.SESSION))


def prune() -> int:
    """Delete what has expired, and return how many."""
    with transaction():
        return len(db.session.execute(queries.PRUNE, {"now": utc_now()}).all())


def _add(kind: SignInKind, claims: Mapping[str, Any], session_hours: int, lives: timedelta) -> str:
    secret, now = secrets.token_urlsafe(32), utc_now()
    values = {
        "digest": _digest(secret),
        "kind": kind,
        "claims": json.dumps(dict(claims)),
        "session_hours": session_hours,
        "created_at": now,
        "expires_at": now + lives,
    }
    db.session.execute(queries.ADD, values)
    return secret


def _valid(secret: str, kind: SignInKind) -> dict[str, Any]:
    return {"digest": _digest(secret), "kind": kind, "now": utc_now()}


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()
