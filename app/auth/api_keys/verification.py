"""Verification of API keys.

A key is looked up on the primary, in a transaction of its own, and what was found is trusted for `TRUSTED_SECONDS`. A
revocation is therefore in force at every worker that long after it was answered, wherever reads go: the lookup also
notes the use of the key, and a server that takes no writes, such as a replica or a primary that was replaced, fails it.
"""

import logging
import math
import time
from collections import OrderedDict
from datetime import timedelta
from threading import Lock
from typing import Any, NamedTuple

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.auth.actor import Actor, ActorKind
from app.auth.api_keys import secret as secrets
from app.clock import utc_now
from app.db.availability import is_unavailable
from app.db.base import db
from app.db.fast import prepared
from app.db.fast.prepared import AnyPrepared, Prepared
from app.errors import Unauthorized, Unavailable
from app.tenancy import EVERY_ACCOUNT, SETTING

# A worker learns of a revocation, a rotation and an earlier end of a secret at most this much later.
TRUSTED_SECONDS = 2
CACHED_KEYS = 4096
# `last_used_at` is this coarse, so that a key in constant use is written once a minute.
USE_NOTED_EVERY = timedelta(minutes=1)

# Text, as it reads and writes at once. Whose key it is, is not known before: it looks for one digest in the keys of all
# accounts. A key that is being changed is not waited for, nor is the flush of a note that may be lost in a crash.
_FIND: AnyPrepared = Prepared(f"""
    SET LOCAL synchronous_commit = off;
    SELECT set_config('{SETTING}', '{EVERY_ACCOUNT}', true);
    WITH found AS (
        SELECT key.id, key.scopes, key.account_id, key.expires_at, key.revoked_at, secret.ends_at
        FROM api_key_secrets AS secret JOIN api_keys AS key ON key.id = secret.key_id WHERE secret.digest = :digest
    ), unnoted AS (
        SELECT key.id FROM api_keys AS key
        WHERE key.id = (SELECT id FROM found WHERE revoked_at IS NULL AND least(expires_at, ends_at, :now) = :now)
            AND (last_used_at IS NULL OR last_used_at <= :noted_before)
        FOR NO KEY UPDATE SKIP LOCKED
    ), noted AS (
        UPDATE api_keys AS key SET last_used_at = :now FROM unnoted WHERE key.id = unnoted.id
    )
    SELECT * FROM found
""")
_log = logging.getLogger(__name__)


class _Found(NamedTuple):
    actor: Actor
    # Why it is refused, if it is.
    refusal: str | None
    # On the clock of the world, and on that of the process.
    ends: float
    trusted_until: float


class ApiKeyVerifier:
    """Verifies keys, and remembers those it found, also revoked ones."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, _Found] = OrderedDict()
        self._lock = Lock()

    def verify(self, secret: str) -> Actor:
        """The machine that has this key.

        Raises Unauthorized for a key that is malformed, unknown, revoked or expired, and Unavailable without database.
        """
        found = self._found.get(secret)
        if found is None or time.monotonic() >= found.trusted_until:
            found = self._look_up(secret)
        if found.refusal is not None:
            raise Unauthorized(found.refusal)
        if time.time() >= found.ends:
            raise Unauthorized("The API key has expired")
        return found.actor

    def _look_up(self, secret: str) -> _Found:
        if not secrets.is_well_formed(secret):
            raise Unauthorized("The API key is malformed")
        # What is committed later than this is found by the next lookup.
        asked_at = time.monotonic()
        row = _find(secret)
        if row is None:
            raise Unauthorized("The API key is unknown")
        refusal = None if row.revoked_at is None else "The API key was revoked"
        found = _Found(_actor_of(row), refusal, _end(row), asked_at + TRUSTED_SECONDS)
        with self._lock:
            self._found[secret] = found
            self._found.move_to_end(secret)
            while len(self._found) > CACHED_KEYS:
                self._found.popitem(last=False)
        return found


def _actor_of(row: Any) -> Actor:
    """The machine that has a key. It stays the same caller when its secret is rotated."""
    return Actor(
        subject=f"key-{row.id}",
        kind=ActorKind.KEY,
        user_id=None,
        handle=None,
        email=None,
        account_id=row.account_id,
        bound_to=row.account_id,
        key_id=row.id,
        roles=frozenset(),
        scopes=frozenset(scope.lower() for scope in row.scopes),
    )


def _find(secret: str) -> Any:
    now = utc_now()
    values = {"digest": secrets.digest(secret), "now": now, "noted_before": now - USE_NOTED_EVERY}
    try:
        # Not in the session of the request, whose transaction begins later and may be on the replica.
        with db.engine.begin() as connection:
            return prepared.run(connection, _FIND, values).one_or_none()
    except (DBAPIError, PoolTimeout) as error:
        if isinstance(error, DBAPIError) and not is_unavailable(error):
            raise
        _log.warning("An API key could not be verified: %s", str(error).splitlines()[0])
        raise Unavailable("The database is unavailable; try again shortly") from error


def _end(row: Any) -> float:
    ends = [moment.timestamp() for moment in (row.expires_at, row.ends_at) if moment is not None]
    return min(ends, default=math.inf)
