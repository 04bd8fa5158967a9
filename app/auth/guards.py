"""Guards declare who may call a view, and refuse all other callers. `Resource` checks them on every request."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import current_app, g, request

from app.auth.actor import Actor
from app.auth.tokens import TokenVerifier
from app.errors import Forbidden, ServiceError, Unauthorized

# Selects one of several customer accounts; takes precedence over the claim of the token.
ACCOUNT_HEADER = "X-Account-Id"
# Entries of the environment of calls inside the process, which no client can set: the caller, who was verified before,
# and whether the call is undone when it is answered.
SIGNED_IN, REHEARSED = "billing.signed_in", "billing.rehearsed"
# An entry that such a call leaves behind: the id of the customer account it was about, and the caller's role in it.
MEMBERSHIP = "billing.membership"

View = Callable[..., Any]


@dataclass(frozen=True)
class Guard:
    """Admits callers who carry one of `roles` or one of `scopes`."""

    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    # The rate limit that each call counts against, besides the limit of all requests.
    limit: str | None = None
    open_to_all: ClassVar[bool] = False
    # Whether it sets a tenant, which lasts as long as the transaction of the request.
    sets_tenant: ClassVar[bool] = False
    # Whether the caller can select a customer account.
    takes_account: ClassVar[bool] = False

    def admit(self) -> None:
        """Authenticate the caller, set `g.actor`, and authorize the call. Raises Unauthorized or Forbidden."""
        actor = authenticate()
        if not self.admits(actor):
            raise forbidden(self.roles, ()) if actor.bound_to is not None else self.refusal

    def admits(self, actor: Actor) -> bool:
        """Whether the caller has one of the roles or scopes, and no API key of a customer account."""
        if actor.bound_to is not None:
            # Its scopes count in that account alone, which is what the guards of customers are about.
            return False
        return actor.has_role(*self.roles) or actor.has_scope(self.scopes)

    def admits_member(self, actor: Actor, member_role: str | None) -> bool:  # noqa: ARG002 - of guards of customers
        """Whether the caller is admitted who has `member_role` in a customer account, or in none."""
        return self.admits(actor)

    @property
    def needs(self) -> str:
        """Who may call, as a sentence for the OpenAPI document."""
        roles = ", ".join(f"`{role}`" for role in self.roles)
        if not self.scopes:
            return f"Needs the role {roles}."
        scopes = ", ".join(f"`{scope}`" for scope in self.scopes)
        needed = f"one of the roles {roles}" if len(self.roles) > 1 else f"the role {roles}"
        return f"Needs {needed}; or, for machines, one of the scopes {scopes}."

    @property
    def refusals(self) -> Sequence[ServiceError]:
        """The failures for callers with a verified token, as examples for the OpenAPI document."""
        return [self.refusal]

    @property
    def refusal(self) -> Forbidden:
        """The failure for people whom it does not admit."""
        return forbidden(self.roles, self.scopes)


class _Public(Guard):
    """Admits all callers, without a token."""

    open_to_all = True
    needs = "Needs no token."
    refusals: Sequence[ServiceError] = ()

    def admit(self) -> None:
        """Require nothing."""


def authenticate() -> Actor:
    """Verify the bearer token and set `g.actor` to the caller it names. Raises Unauthorized."""
    verifier: TokenVerifier = current_app.extensions["token_verifier"]
    signed_in: Actor | None = request.environ.get(SIGNED_IN)
    g.actor = actor = signed_in or verifier.verify(bearer_token())
    return actor


def forbidden(roles: Iterable[str], scopes: Iterable[str] = ()) -> Forbidden:
    """The failure that names the required roles and scopes."""
    details = {"roles": list(roles), "scopes": list(scopes)}
    needed = [
        _one_of(kind, names) for kind, names in (("role", details["roles"]), ("scope", details["scopes"])) if names
    ]
    return Forbidden(f"Requires {' or '.join(needed)}", details=details)


def _one_of(kind: str, names: Sequence[str]) -> str:
    return f"the {kind} {names[0]}" if len(names) == 1 else f"one of the {kind}s {', '.join(names)}"


def requires(
    *, roles: Iterable[str] = (), scopes: Iterable[str] = (), limit: str | None = None
) -> Callable[[View], View]:
    """Guard a view: the caller needs one of these roles or scopes. `limit` names the rate limit that calls count to."""
    return guarded_by(Guard(roles=tuple(roles), scopes=tuple(scopes), limit=limit))


def public() -> Callable[[View], View]:
    """Declare that a view needs no token."""
    return guarded_by(_Public())


def guarded_by(guard: Guard) -> Callable[[View], View]:
    """Guard a view by `guard`."""

    def decorate(view: View) -> View:
        view.guard = guard  # type: ignore[attr-defined]
        return view

    return decorate


def bearer_token() -> str:
    """The bearer token of this request. Raises Unauthorized if there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("A bearer token is required")
    return token.strip()
