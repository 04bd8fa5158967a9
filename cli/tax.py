"""`flask tax`: tax rates."""

from datetime import date
from decimal import Decimal
from typing import Any

import click
from flask.cli import AppGroup
from rich.console import Console
from rich.table import Table

from app.customers import countries
from app.db.base import MAX_ID
from app.db.transaction import transaction
from app.purchases import tax_rates
from app.purchases.amounts import percent, rate_of
from cli.database import with_database
from cli.numbers import Whole

tax = AppGroup("tax", help="Manage the tax rates of countries.", epilog="Example: flask tax list")


class _Country(click.ParamType[str]):
    name = "country"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return countries.code_of(value) or self.fail("Not an ISO 3166 code or English name of a country.", param, ctx)


class _Rate(click.ParamType[Decimal]):
    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            return rate_of(Decimal(str(value)))
        except (ArithmeticError, ValueError) as error:
            text = str(error) if isinstance(error, ValueError) else "Not a valid number."
            self.fail(text, param, ctx)


class _Day(click.ParamType[date]):
    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail("Not a valid date, such as 2025-10-30.", param, ctx)


_FIRST_HELP = "First day, in UTC."
_to = click.option("--to", "valid_to", type=_Day(), help="Last day, inclusive; by default the rate does not end.")


@tax.command("list", epilog="Example: flask tax list --on 2025-10-30")
@click.option("--on", "day", type=_Day(), help="Only the rates of this day.")
@with_database
def list_rates(day: date | None) -> None:
    """List tax rates."""
    table = Table("id", "country", "rate", "from", "to")
    arguments: dict[str, Any] = {"page": 1, "per_page": 10_000}
    if day is not None:
        arguments["valid_on"] = day
    for each in tax_rates.search(arguments).results:
        until = "" if each.valid_to is None else f"{each.valid_to}"
        table.add_row(str(each.id), each.country, percent(each.rate), f"{each.valid_from}", until)
    Console(markup=False, emoji=False).print(table)


@tax.command("add", epilog="Example: flask tax add Ireland 0.23 --from 2021-03-01")
@click.argument("country", type=_Country())
@click.argument("rate", type=_Rate())
@click.option("--from", "valid_from", required=True, type=_Day(), help=_FIRST_HELP)
@_to
@with_database
def add_rate(country: str, rate: Decimal, valid_from: date, valid_to: date | None) -> None:
    """Add the tax rate of a country: a fraction such as 0.23, or a percentage above 1 such as 23."""
    if valid_to is not None and valid_from > valid_to:
        raise click.UsageError("--from must not be after --to.")
    terms = {"country": country, "rate": rate, "valid_from": valid_from, "valid_to": valid_to}
    with transaction():
        added = tax_rates.create(terms)
    click.echo(f"Tax rate {added.id}: {country} {percent(rate)} from {valid_from}.")


@tax.command("change", epilog="Example: flask tax change 7 --to 2026-12-31")
@click.argument("rate_id", type=Whole(1, MAX_ID))
@click.option("--rate", type=_Rate(), help="A fraction such as 0.23, or a percentage above 1 such as 23.")
@click.option("--from", "valid_from", type=_Day(), help=_FIRST_HELP)
@_to
@click.option("--no-end", is_flag=True, help="Let the rate be valid until further notice.")
@with_database
def change_rate(rate_id: int, *, no_end: bool, **changes: Any) -> None:
    """Change a tax rate, for purchases from now on."""
    given = {name: value for name, value in changes.items() if value is not None}
    if no_end:
        given["valid_to"] = None
    if not given:
        raise click.UsageError("Name what to change: --rate, --from, --to or --no-end.")
    with transaction():
        changed = tax_rates.update(rate_id, given)
    click.echo(f"Tax rate {rate_id}: {changed.country} {percent(changed.rate)} from {changed.valid_from}.")
