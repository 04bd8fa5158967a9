"""Guards for customers: the caller must be a member of an account, or at least a person.

They come last among the decorators of a view: once the input is read, they resolve the membership inside the
transaction of the request, whose tenant is set by that, and pass it to the view as `membership`.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

from flask import g, request

from app import origin, tenancy
from app.auth.actor import Actor, account_id_from, current_actor
from app.auth.guards import ACCOUNT_HEADER, MEMBERSHIP, Guard, View, authenticate, guarded_by
from app.auth.permissions import READ_ACCOUNT
from app.customers import membership
from app.customers.membership import Membership
from app.customers.models import MemberRole
from app.db.transaction import transaction
from app.errors import Forbidden, Invalid, NotFound, ServiceError
from app.web.resource import Resource


class _CustomerGuard(Guard):
    """Admits callers with a verified token; their membership decides the rest."""

    sets_tenant = True
    takes_account = True

    def admit(self) -> None:
        """Authenticate the caller and read the account header. Raises Unauthorized, and Invalid for a bad header."""
        actor = authenticate()
        named = request.headers.get(ACCOUNT_HEADER)
        if named is not None:
            g.actor = replace(actor, account_id=_account_id(named))


@dataclass(frozen=True)
class MemberGuard(_CustomerGuard):
    """Admits members of an account whose role in it is one of `member_roles`.

    Callers with one of `roles` or `scopes` need no membership; the view gets None in its place. API keys of an account
    act in that account, if they have one of `scopes` or `key_scopes`.
    """

    member_roles: frozenset[MemberRole] = membership.EVERY_ROLE
    key_scopes: tuple[str, ...] = ()

    def resolve(self) -> Membership | None:
        """The membership of the caller, whose account is the tenant from here on. Raises Forbidden and NotFound."""
        actor = current_actor()
        if self.admits(actor):
            return None
        if actor.key_id is not None:
            return membership.of_key(actor, self.member_roles, (*self.scopes, *self.key_scopes))
        return membership.resolve(actor, self.member_roles, or_scopes=self.scopes)

    def admits_member(self, actor: Actor, member_role: str | None) -> bool:
        """Whether the caller is admitted who has `member_role` in a customer account, or in none."""
        return self.admits(actor) or member_role in self.member_roles

    @property
    def needs(self) -> str:
        """Who may call, as a sentence for the OpenAPI document."""
        who = "a member" if self.member_roles == membership.EVERY_ROLE else "an owner or an admin"
        roles = f"; or the role {' or '.join(f'`{role}`' for role in self.roles)}" if self.roles else ""
        scopes = (
            f"; or, for machines, the scope {' or '.join(f'`{scope}`' for scope in self.scopes)}" if self.scopes else ""
        )
        keys = "".join(f"; or an API key of the account with the scope `{scope}`" for scope in self.key_scopes)
        return f"Needs a token of {who} of the account{roles}{scopes}{keys}."

    @property
    def refusals(self) -> Sequence[ServiceError]:
        """The failures for callers with a verified token, as examples for the OpenAPI document."""
        managers_only = [] if self.member_roles == membership.EVERY_ROLE else [self.refusal]
        no_key = membership.not_of_key(self.member_roles, (*self.scopes, *self.key_scopes))
        return [membership.no_account(None), *managers_only, no_key, NotFound("Account 7 was not found")]

    @property
    def refusal(self) -> Forbidden:
        """The failure for members without one of the roles."""
        return membership.not_a_manager(self.scopes)


class PersonGuard(_CustomerGuard):
    """Admits people: callers whose token names a user. They read their own memberships and invitations."""

    needs = "Needs a token of a person."

    def admits_member(self, actor: Actor, member_role: str | None) -> bool:  # noqa: ARG002 - it needs none
        """Whether the caller is a person."""
        return actor.user_id is not None

    def admit(self) -> None:
        """Authenticate the caller. Raises Unauthorized, Invalid, and Forbidden for a token without a user id."""
        super().admit()
        membership.require_person(current_actor())

    @property
    def refusals(self) -> Sequence[ServiceError]:
        """The failures for callers with a verified token, as examples for the OpenAPI document."""
        return [self.refusal]

    @property
    def refusal(self) -> Forbidden:
        """The failure for machines."""
        return membership.not_a_person()


def member(
    *, or_roles: Iterable[str] = (), or_scopes: Iterable[str] = (), limit: str | None = None
) -> Callable[[View], View]:
    """Guard a view for members of an account, and for callers with one of these roles or scopes.

    What any member may read, an API key of the account with the scope `read:account` may read too.
    """
    return _with_membership(MemberGuard(tuple(or_roles), tuple(or_scopes), limit))


def manager(*, or_scopes: Iterable[str] = ()) -> Callable[[View], View]:
    """Guard a view for owners and admins of an account, and for machines with one of these scopes."""
    return _with_membership(MemberGuard(scopes=tuple(or_scopes), member_roles=membership.MANAGERS))


def person() -> Callable[[View], View]:
    """Guard a view for people who sign in, whether they belong to an account or not: the person is the tenant."""

    def decorate(view: View) -> View:
        @wraps(view)
        def run(*arguments: Any, **values: Any) -> Any:
            tenancy.set_person(**membership.own(current_actor()))
            return view(*arguments, **values)

        return guarded_by(PersonGuard())(run)

    return decorate


def _with_membership(guard: MemberGuard) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        is_read = view.__name__ == "get" and guard.member_roles == membership.EVERY_ROLE
        own = replace(guard, key_scopes=(READ_ACCOUNT,)) if is_read else guard

        @wraps(view)
        def run(resource: Resource, *arguments: Any, **values: Any) -> Any:
            # What commits in parts has no transaction yet.
            with transaction() if resource.commit == "in parts" else nullcontext():
                found = own.resolve()
            if found is not None:
                request.environ[MEMBERSHIP] = found
                origin.act_in(found.account_id)
            return view(resource, *arguments, membership=found, **values)

        return guarded_by(own)(run)

    return decorate


def _account_id(named: str) -> int:
    account_id = account_id_from(named.strip())
    if account_id is None:
        raise Invalid.field(ACCOUNT_HEADER, "Must be the id of an account.", location="headers")
    return account_id
