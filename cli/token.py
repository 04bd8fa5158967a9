"""`flask token`: signed tokens, for trials and scripts; and links to sign in at a browser."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import click
import jwt
from flask import current_app
from flask.cli import with_appcontext

from app.auth.permissions import SCOPES, Role
from app.auth.tokens import MAX_CLAIM_CHARACTERS
from app.clock import utc_now
from app.config import Settings
from app.console import sign_ins
from app.db.base import MAX_ID
from cli.database import with_database
from cli.numbers import Amount, Whole

DEFAULT_HOURS = 24
# From a few seconds to a hundred years.
_HOURS = Amount(places=4, least=Decimal("0.001"), most=Decimal(100 * 365 * 24))


def mint(
    settings: Settings,
    *,
    roles: Sequence[str] = ("administrator",),
    scopes: Sequence[str] = (),
    user: str = "admin",
    hours: float = DEFAULT_HOURS,
    **others: str | int | None,
) -> str:
    """A token signed with the service's secret; `others` are further claims, omitted if None.

    An e-mail address is marked as verified unless `email_verified` is given.

    Raises ClickException if only a remote issuer signs tokens.
    """
    if not settings.auth_secrets:
        raise click.ClickException(
            "AUTH_SECRET is not set: tokens are issued by the identity provider of AUTH_JWKS_URL."
        )
    now = utc_now()
    claims = _claims(settings, roles=roles, scopes=scopes, user=user, **others)
    claims |= {"iat": now, "exp": now + timedelta(hours=hours)}
    if settings.auth_audience:
        claims["aud"] = settings.auth_audience
    return jwt.encode(claims, settings.auth_secrets[0], algorithm="HS256")


def link(
    settings: Settings,
    *,
    roles: Sequence[str] = ("administrator",),
    user: str = "admin",
    hours: int | None = None,
    link_lives: timedelta = sign_ins.LINK_LIVES,
    **others: str | int | None,
) -> str:
    """A one-time link that signs in to the console, or a customer to the portal, for `hours`."""
    claims = _claims(settings, roles=roles, scopes=(), user=user, **others)
    secret = sign_ins.offer(claims, session_hours=hours or settings.sign_in.session_hours, link_lives=link_lives)
    return f"{settings.address}/console/sign-in/link/{secret}"


def _claims(
    settings: Settings, *, roles: Sequence[str], scopes: Sequence[str], user: str, **others: str | int | None
) -> dict[str, Any]:
    claims: dict[str, Any] = {"sub": user}
    claims.update({name: value for name, value in others.items() if value is not None})
    if "email" in claims:
        claims.setdefault("email_verified", True)
    if roles:
        claims["roles"] = list(roles)
    if scopes:
        claims["scope"] = " ".join(scopes)
    if settings.valid_issuers:
        claims["iss"] = settings.valid_issuers[0]
    return claims


class Known(click.ParamType[str]):
    """One of the known names, ignoring case."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name = name
        self.known = known

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name as it is known."""
        known = {name.lower(): name for name in self.known}.get(value.lower())
        if known is None:
            self.fail(f"Unknown {self.name} {value!r}. Known are: {', '.join(self.known)}.", param, ctx)
        return known


class _Claim(click.ParamType[str]):
    """A string of at most the length that the service accepts in a claim."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The string as given."""
        if len(value) > MAX_CLAIM_CHARACTERS:
            self.fail(f"Must not be longer than {MAX_CLAIM_CHARACTERS} characters, not {len(value):,}.", param, ctx)
        return value


@click.command(
    epilog="Example: flask token --role copilot --user 40051399",
)
@click.option(
    "--role", "roles", multiple=True, type=Known("role", list(Role)), help="A role of the token; may be repeated."
)
@click.option(
    "--scope", "scopes", multiple=True, type=Known("scope", SCOPES), help="A scope of the token; may be repeated."
)
@click.option("--user", type=_Claim(), help="The user id. Defaults to admin.")
@click.option("--email", type=_Claim(), help="The verified e-mail address of the user, to find invitations.")
@click.option(
    "--account", type=Whole(1, MAX_ID), help="The customer account to use, for users with several memberships."
)
@click.option("--hours", default=DEFAULT_HOURS, show_default=True, type=_HOURS, help="Validity of the token.")
@click.option(
    "--console", is_flag=True, help="Print a link instead, which signs in at a browser, once, within an hour."
)
@with_appcontext
def token(
    *,
    roles: tuple[str, ...],
    scopes: tuple[str, ...],
    user: str | None,
    email: str | None,
    account: int | None,
    hours: Decimal,
    console: bool,
) -> None:
    """Print a token signed with the service's secret, or a link that signs in to the console.

    A link without --role and --user is an administrator's.
    """
    settings = current_app.config["SETTINGS"]
    if console:
        _require_person(scopes)
        _print_link(settings, roles or (() if user else (Role.ADMINISTRATOR,)), user or "admin", email, account)
        return
    if not (roles or scopes or user):
        raise click.UsageError("At least one --role or --scope, or the --user of a customer, is required.")
    minted = mint(
        settings, roles=roles, scopes=scopes, user=user or "admin", hours=float(hours), email=email, account_id=account
    )
    click.echo(minted)


def _require_person(scopes: Sequence[str]) -> None:
    if scopes:
        raise click.UsageError("--scope is of machines; people sign in by their roles and memberships.")


@with_database
def _print_link(settings: Settings, roles: Sequence[str], user: str, email: str | None, account: int | None) -> None:
    click.echo(link(settings, roles=roles, user=user, email=email, account_id=account))
