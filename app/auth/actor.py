"""The caller of a request, as described by their token or API key."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from flask import g

from app.db.base import MAX_ID
from app.identifiers import digest


class ActorKind(StrEnum):
    """Whether a token was issued to a person or a machine, or a machine has an API key."""

    PERSON = "person"
    MACHINE = "machine"
    KEY = "key"


_DIGITS = re.compile(r"[0-9]{1,16}", re.ASCII)


def account_id_from(digits: str) -> int | None:
    """The customer account id written in `digits`, or None if it is not one."""
    return int(digits) if _DIGITS.fullmatch(digits) and 1 <= int(digits) <= MAX_ID else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A verified caller. `subject` names them in logs and in `createdBy`; `identity` is unique to them."""

    subject: str
    # The issuer of the token; empty if it has none.
    issuer: str = ""
    kind: ActorKind = ActorKind.PERSON
    user_id: str | None
    handle: str | None
    email: str | None
    # Claims about the person, for their memberships.
    email_verified: bool = False
    first_name: str | None = None
    last_name: str | None = None
    # The selected customer account, for callers with several.
    account_id: int | None = None
    # Of a machine with an API key: its id, and the customer account that it is confined to.
    key_id: int | None = None
    bound_to: int | None = None
    # Both in lower case.
    roles: frozenset[str]
    scopes: frozenset[str]

    @property
    def identity(self) -> str:
        """Digest of issuer, subject and kind of token: the owner of idempotency keys and usage keys.

        Two issuers may use the same subject, and so may a machine and a person. The subject of an API key is its id.
        """
        return digest(self.issuer, self.subject, self.kind)

    def has_role(self, *roles: str) -> bool:
        """Whether the caller has one of these roles."""
        return not self.roles.isdisjoint(roles)

    def has_scope(self, scopes: Iterable[str]) -> bool:
        """Whether the caller has one of these scopes, ignoring case."""
        return not self.scopes.isdisjoint(scope.lower() for scope in scopes)


def current_actor() -> Actor:
    """The caller of this request. Only routes with a guard have one."""
    actor: Actor = g.actor
    return actor
