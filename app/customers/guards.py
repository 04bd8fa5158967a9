"""Guards of what belongs to customers: the caller is a member of an account, or at least a person.

Membership is resolved inside the transaction of the request, whose tenant is set by that, and handed to the view as
`membership`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import g, request

from app import tenancy
from app.auth.actor import account_id_from, current_actor
from app.auth.guards import ACCOUNT_HEADER, Guard, View, authenticate, guarded_by
from app.customers import membership
from app.customers.models import MemberRole
from app.errors import Invalid, ServiceError


class _CustomerGuard(Guard):
    """Admits whoever has a verified token; the rest is decided by what they are in an account."""

    enters = True
    takes_account = True

    def admit(self) -> None:
        """Verify the caller, and take the account that they name. Raises Unauthorized and Invalid."""
        actor = authenticate()
        named = request.headers.get(ACCOUNT_HEADER)
        if named is not None:
            g.actor = replace(actor, account_id=_account_id(named))


@dataclass(frozen=True)
class MemberGuard(_CustomerGuard):
    """Admits members of an account whose role in it is one of `member_roles`.

    Callers with one of `roles` or `scopes` are admitted as they are: their view gets no membership but None.
    """

    member_roles: frozenset[MemberRole] = membership.EVERY_ROLE

    def enter(self) -> Mapping[str, Any]:
        """The membership of the caller, whose account is the tenant from here on. Raises Forbidden."""
        actor = current_actor()
        if self.admits(actor):
            return {"membership": None}
        return {"membership": membership.resolve(actor, self.member_roles, or_scopes=self.scopes)}

    @property
    def needs(self) -> str:
        """Who may call, as a sentence of the document."""
        who = "a member" if self.member_roles == membership.EVERY_ROLE else "an owner or an admin"
        roles = f"; or the role {' or '.join(f'`{role}`' for role in self.roles)}" if self.roles else ""
        scopes = (
            f"; or, for a machine, the scope {' or '.join(f'`{scope}`' for scope in self.scopes)}"
            if self.scopes
            else ""
        )
        return f"Needs a token of {who} of the account{roles}{scopes}."

    @property
    def refusals(self) -> Sequence[ServiceError]:
        """How callers are refused who have a verified token, as the document shows it."""
        managers_only = [] if self.member_roles == membership.EVERY_ROLE else [membership.not_a_manager(self.scopes)]
        return [membership.no_account(None), *managers_only]


class PersonGuard(_CustomerGuard):
    """Admits people, whose token names a user; what is read is their own, in whatever account."""

    needs = "Needs a token of a person who signs in."

    def admit(self) -> None:
        """Verify the caller. Raises Unauthorized, Invalid, and Forbidden for a token that names no user."""
        super().admit()
        membership.require_person(current_actor())

    def enter(self) -> Mapping[str, Any]:
        """Make the person the tenant of the transaction."""
        tenancy.set_person(**membership.own(current_actor()))
        return {}

    @property
    def refusals(self) -> Sequence[ServiceError]:
        """How callers are refused who have a verified token, as the document shows it."""
        return [membership.not_a_person()]


def member(
    *, or_roles: Iterable[str] = (), or_scopes: Iterable[str] = (), limit: str | None = None
) -> Callable[[View], View]:
    """Guard a view for members of an account, and for others with one of these roles or scopes."""
    return guarded_by(MemberGuard(tuple(or_roles), tuple(or_scopes), limit))


def manager(*, or_scopes: Iterable[str] = ()) -> Callable[[View], View]:
    """Guard a view for owners and admins of an account, and for machines with one of these scopes."""
    return guarded_by(MemberGuard(scopes=tuple(or_scopes), member_roles=membership.MANAGERS))


def person() -> Callable[[View], View]:
    """Guard a view for people who sign in, whether they belong to an account or not."""
    return guarded_by(PersonGuard())


def _account_id(named: str) -> int:
    account_id = account_id_from(named.strip())
    if account_id is None:
        raise Invalid.field(ACCOUNT_HEADER, "Must be the id of an account.", location="headers")
    return account_id
