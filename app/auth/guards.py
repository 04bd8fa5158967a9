"""Declares who may call a view, and lets nobody else in. `Resource` asks on every request."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import current_app, g, request

from app.auth.actor import account_id_from
from app.auth.permissions import SignedIn
from app.auth.tokens import TokenVerifier
from app.errors import Forbidden, Invalid, Unauthorized

# Which of several customer accounts is meant, over the claim of the token.
ACCOUNT_HEADER = "X-Account-Id"

View = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Guard:
    """One of `roles` or one of `scopes` is needed.

    With `signed_in` any verified token will do: the service checks what its bearer is in an account. `open_to_all`
    needs no token at all.
    """

    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    signed_in: SignedIn | None = None
    open_to_all: bool = False
    # The limit, besides that of all requests, that each call is counted by.
    limit: str | None = None

    def admit(self) -> None:
        """Let the caller of this request in, leaving them in `g.actor`. Raises Unauthorized or Forbidden."""
        if self.open_to_all:
            return
        verifier: TokenVerifier = current_app.extensions["token_verifier"]
        g.actor = actor = verifier.verify(bearer_token())
        if self.signed_in and (named := request.headers.get(ACCOUNT_HEADER)) is not None:
            g.actor = replace(actor, account_id=_account_id(named))
        if not (self.signed_in or actor.has_role(*self.roles) or actor.has_scope(self.scopes)):
            raise forbidden(self.roles, self.scopes)


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
    return _guarded(Guard(roles=tuple(roles), scopes=tuple(scopes), limit=limit))


def signed_in(
    who: SignedIn = SignedIn.MEMBER, *, scopes: Iterable[str] = (), limit: str | None = None
) -> Callable[[View], View]:
    """Guard a view for people who sign in, and for machines with one of `scopes`. `limit` names what calls count as."""
    return _guarded(Guard(signed_in=who, scopes=tuple(scopes), limit=limit))


def public() -> Callable[[View], View]:
    """Declare that a view needs no token."""
    return _guarded(Guard(open_to_all=True))


def _guarded(guard: Guard) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        view.guard = guard  # type: ignore[attr-defined]
        return view

    return decorate


def _account_id(named: str) -> int:
    account_id = account_id_from(named.strip())
    if account_id is None:
        raise Invalid.field(ACCOUNT_HEADER, "Must be the id of an account.", location="headers")
    return account_id


def bearer_token() -> str:
    """The token of this request. Raises Unauthorized when there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("A bearer token is required")
    return token.strip()
