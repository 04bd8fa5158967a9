"""Declares who may call a view, and admits nobody else. `Resource` asks on every request."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import current_app, g, request

from app.auth.actor import Actor
from app.auth.tokens import TokenVerifier
from app.errors import Forbidden, ServiceError, Unauthorized

# Which of several customer accounts is meant, over the claim of the token.
ACCOUNT_HEADER = "X-Account-Id"

View = Callable[..., Any]


@dataclass(frozen=True)
class Guard:
    """Admits callers who carry one of `roles` or one of `scopes`."""

    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    # The limit, besides that of all requests, that each call is counted by.
    limit: str | None = None
    open_to_all: ClassVar[bool] = False
    # Whether `enter` has something to do, which lasts as long as the transaction of the request.
    enters: ClassVar[bool] = False
    # Whether the caller can say which customer account is meant.
    takes_account: ClassVar[bool] = False

    def admit(self) -> None:
        """Verify the caller of this request, who is `g.actor` from here on. Raises Unauthorized or Forbidden."""
        actor = authenticate()
        if not self.admits(actor):
            raise forbidden(self.roles, self.scopes)

    def admits(self, actor: Actor) -> bool:
        """Whether a role or a scope of the caller is enough."""
        return actor.has_role(*self.roles) or actor.has_scope(self.scopes)

    def enter(self) -> Mapping[str, Any]:
        """Inside the transaction of the request: what the view is given besides its input. Raises Forbidden."""
        return {}

    @property
    def needs(self) -> str:
        """Who may call, as a sentence of the document."""
        roles = ", ".join(f"`{role}`" for role in self.roles)
        if not self.scopes:
            return f"Needs the role {roles}."
        scopes = ", ".join(f"`{scope}`" for scope in self.scopes)
        return f"Needs one of the roles {roles}; or, for a machine, one of the scopes {scopes}."

    @property
    def refusals(self) -> Sequence[ServiceError]:
        """How callers are refused who have a verified token, as the document shows it."""
        return [forbidden(self.roles, self.scopes)]


class _Public(Guard):
    """Admits everybody, with no token."""

    open_to_all = True
    needs = "Needs no token."
    refusals: Sequence[ServiceError] = ()

    def admit(self) -> None:
        """Ask for nothing."""


def authenticate() -> Actor:
    """The caller of this request, by their token; `g.actor` from here on. Raises Unauthorized."""
    verifier: TokenVerifier = current_app.extensions["token_verifier"]
    g.actor = actor = verifier.verify(bearer_token())
    return actor


def forbidden(roles: Iterable[str], scopes: Iterable[str] = ()) -> Forbidden:
    """The failure that says which roles or scopes would do."""
    details = {"roles": list(roles), "scopes": list(scopes)}
    needed = [
        _one_of(kind, names) for kind, names in (("role", details["roles"]), ("scope", details["scopes"])) if names
    ]
    return Forbidden(f"This needs {' or '.join(needed)}", details=details)


def _one_of(kind: str, names: Sequence[str]) -> str:
    return f"the {kind} {names[0]}" if len(names) == 1 else f"one of the {kind}s {', '.join(names)}"


def requires(
    *, roles: Iterable[str] = (), scopes: Iterable[str] = (), limit: str | None = None
) -> Callable[[View], View]:
    """Guard a view: the caller needs one of these roles or one of these scopes. `limit` names what calls count as."""
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
    """The token of this request. Raises Unauthorized when there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("A bearer token is required")
    return token.strip()
