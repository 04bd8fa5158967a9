"""`flask keys`: API keys for machines."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import click
from flask.cli import AppGroup
from rich.console import Console
from rich.table import Table

from app.api_keys import service
from app.api_keys.permissions import EVERY_SCOPE
from app.api_keys.service import Terms
from app.clock import utc_now
from app.db.base import MAX_ID
from app.db.transaction import transaction
from app.web.change_reason import MAX_REASON
from cli.database import with_database
from cli.numbers import Whole
from cli.token import Known

_MAX_DAYS = 36_500
_MAX_TEXT = 255

keys = AppGroup("keys", help="Manage API keys for machines.", epilog="Example: flask keys list")


@keys.command(epilog="Example: flask keys create Payroll --scope read:billing-account --scope update:billing-account")
@click.argument("name", callback=lambda _, __, value: _text(value, _MAX_TEXT))
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=Known("scope", EVERY_SCOPE),
    help="A scope of the key; may be repeated.",
)
@click.option("--account", type=Whole(1, MAX_ID), help="The customer account that the key acts in, and in no other.")
@click.option("--expires-in-days", type=Whole(1, _MAX_DAYS), help="When it stops working. Never if not given.")
@with_database
def create(name: str, scopes: tuple[str, ...], account: int | None, expires_in_days: int | None) -> None:
    """Issue a key called NAME and print its secret, which is shown this once."""
    expires_at = None if expires_in_days is None else utc_now() + timedelta(days=expires_in_days)
    with transaction():
        made = service.create(None, Terms(name, scopes, account, expires_at))
    click.echo(f"Key {made['id']}: {name}.", err=True)
    click.echo(made["key"])


@keys.command("list", epilog="Example: flask keys list")
@with_database
def list_keys() -> None:
    """List all keys, newest first."""
    table = Table("id", "name")
    table.add_column("secret", no_wrap=True)
    for heading in ("scopes", "account", "last used", "ends"):
        table.add_column(heading)
    with transaction():
        for key in _every_key():
            ends = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else _day(key.expires_at)
            scopes = "\n".join(key.scopes)
            account = "" if key.account_id is None else str(key.account_id)
            table.add_row(str(key.id), key.name, f"{key.prefix}…", scopes, account, _day(key.last_used_at), ends)
    # Names are printed literally, including brackets and colons.
    Console(markup=False, emoji=False).print(table)


@keys.command(epilog="Example: flask keys revoke 7 --reason 'It was committed to a repository'")
@click.argument("key_id", type=Whole(1, MAX_ID))
@click.option(
    "--reason", required=True, callback=lambda _, __, value: _text(value, MAX_REASON), help="Why it is revoked."
)
@with_database
def revoke(key_id: int, reason: str) -> None:
    """Revoke a key for good."""
    with transaction():
        revoked = service.revoke(None, key_id, reason)
    click.echo(f"Key {key_id}: {revoked.name}, revoked.")


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else ""


def _every_key() -> Iterator[Any]:
    page = 1
    while True:
        found = service.search(None, {"page": page, "per_page": 1000})
        yield from found.results
        if page >= found.total_pages:
            return
        page += 1


def _text(value: str, longest: int) -> str:
    text = value.strip()
    if not text or len(text) > longest or not text.isprintable():
        raise click.BadParameter(f"Must have 1 to {longest} printable characters.")
    return text
