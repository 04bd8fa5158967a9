"""References to actors, remembered by each process so that a change costs no further round trip."""

from collections import OrderedDict
from time import monotonic
from typing import Any

from flask import Flask, current_app
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.audit import queries
from app.audit.models import ACTOR
from app.clock import utc_now
from app.db.base import COMMITS, db
from app.db.transaction import EACH_STATEMENT

EXTENSION = "actor_references"
Key = tuple[str, int | None]

# An erased actor gets a new reference at most this much later.
REMEMBERED_SECONDS = 60
_CAPACITY = 10_000
# What a session's `info` holds: references of its transaction that nobody else may use before it commits.
_UNCOMMITTED = "uncommitted actors"


class _Cache:
    """References that are committed, the least recently added forgotten first."""

    def __init__(self) -> None:
        self._known: OrderedDict[Key, tuple[bytes, float]] = OrderedDict()

    def get(self, key: Key) -> bytes | None:
        """The reference to an actor, if it is fresh."""
        known = self._known.get(key)
        return known[0] if known is not None and known[1] > monotonic() else None

    def put(self, key: Key, ref: bytes) -> None:
        """Remember a reference."""
        self._known[key] = ref, monotonic() + REMEMBERED_SECONDS
        self._known.move_to_end(key)
        # Several threads may do so at once.
        while len(self._known) > _CAPACITY:
            self._known.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()


def init_app(app: Flask) -> None:
    """Let the application remember references: those of one database are not those of another."""
    app.extensions[EXTENSION] = _Cache()


def _remembered() -> _Cache:
    cache: _Cache = current_app.extensions[EXTENSION]
    return cache


def reference(actor: str, account_id: int | None) -> bytes:
    """The reference to an actor, for an account or for none; made if there is none yet."""
    key = actor, account_id
    session = db.session()
    known = _remembered().get(key) or session.info.get(_UNCOMMITTED, {}).get(key)
    if known is not None:
        return known
    ref: bytes = bytes(_find_or_make(key))
    if session.info.get(COMMITS) == EACH_STATEMENT:
        _remembered().put(key, ref)
    else:
        session.info.setdefault(_UNCOMMITTED, {})[key] = ref
    return ref


def _find_or_make(key: Key) -> Any:
    actor, account_id = key
    values = {"kind": ACTOR, "value": actor, "account_id": account_id, "now": utc_now()}
    if account_id is None:
        return db.session.execute(queries.REFER, values).scalar_one()
    return db.session.execute(queries.REFER_OF_ACCOUNT, {**values, "tenant": str(account_id)}).scalar_one()


@event.listens_for(Session, "after_commit")
def _remember(session: Session) -> None:
    for key, ref in session.info.pop(_UNCOMMITTED, {}).items():
        _remembered().put(key, ref)


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, _transaction: Any) -> None:
    session.info.pop(_UNCOMMITTED, None)
