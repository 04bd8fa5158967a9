"""The caller of a request, as their token describes them."""

from collections.abc import Iterable
from dataclasses import dataclass

from flask import g


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A verified caller. `subject` names them in logs, in `createdBy` and as the owner of idempotency keys."""

    subject: str
    user_id: str | None
    handle: str | None
    email: str | None
    # What the token says of the person, for the accounts they belong to.
    email_verified: bool = True
    first_name: str | None = None
    last_name: str | None = None
    account_id: str | None = None
    # Both in lower case.
    roles: frozenset[str]
    scopes: frozenset[str]

    def has_role(self, *roles: str) -> bool:
        """Whether the caller carries one of these roles."""
        return not self.roles.isdisjoint(roles)

    def has_scope(self, scopes: Iterable[str]) -> bool:
        """Whether the caller carries one of these scopes, whatever their case."""
        return not self.scopes.isdisjoint(scope.lower() for scope in scopes)


def current_actor() -> Actor:
    """The caller of this request; only routes behind a guard have one."""
    actor: Actor = g.actor
    return actor
