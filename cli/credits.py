"""`flask credits`: plans, packages and monthly grants."""

from collections.abc import Iterable
from decimal import Decimal

import click
from flask.cli import AppGroup
from rich.console import Console
from rich.table import Table

from app import tenancy
from app.audit.models import ObjectType
from app.audit.recording import record
from app.credits import plans
from app.credits.ledger.planning import Starts
from app.credits.plan_models import ROLLOVER_ALL, ROLLOVER_NONE
from app.db.base import MAX_ID
from app.db.transaction import transaction
from app.purchases import catalogue
from cli.database import with_database
from cli.numbers import Amount, Whole

BATCH = 500
_MAX_CREDITS = 2**31 - 1
_MAX_DAYS = 36_500

credits = AppGroup(
    "credits", help="Manage plans, packages and monthly grants.", epilog="Example: flask credits grant-monthly"
)
plan = AppGroup("plan", help="Manage plans, which grant credits each month.", epilog="Example: flask credits plan list")
package = AppGroup("package", help="Manage credit packages for sale.", epilog="Example: flask credits package list")
credits.add_command(plan)
credits.add_command(package)


# The value of the most credits that can be spent at once must fit its column.
_RATE = Amount(places=6, least=Decimal(0), most=Decimal(1000))
_PRICE = Amount(places=2, least=Decimal("0.01"), most=catalogue.MAX_PRICE)
_NAME = click.argument("name", callback=lambda _, __, value: _name(value))


@credits.command(epilog="Example: flask credits grant-monthly")
@with_database
def grant_monthly() -> None:
    """Grant every account the credits of its plan, for each month up to this one not granted yet."""
    click.echo(grant_all_months())


def grant_all_months() -> str:
    """Grant the due credits of all accounts, in batches, and return a summary."""
    months = total = 0
    after = 0
    while True:
        with transaction():
            tenancy.set_every_account()
            account_ids = plans.accounts_after(after, BATCH)
            granted = plans.grant_due(account_ids)
            months += granted.months
            total += granted.credits
            if len(account_ids) < BATCH and months:
                record(ObjectType.RUN, "credits grant-monthly", after={"months": months, "credits": total})
        if len(account_ids) < BATCH:
            break
        after = account_ids[-1]
    return f"Granted {total:,} credits for {months:,} months of accounts."


@plan.command("list", epilog="Example: flask credits plan list")
@with_database
def list_plans() -> None:
    """List all plans."""
    rows = (
        (
            each.name,
            f"{each.credits_per_month:,}",
            f"{each.usd_per_credit:f}",
            each.rollover,
            "yes" if each.is_default else "",
        )
        for each in plans.every_plan()
    )
    _show(("plan", "per month", "USD each", "rollover", "default"), rows)


@plan.command("set", epilog="Example: flask credits plan set Team --credits-per-month 5000 --usd-per-credit 0.015")
@_NAME
@click.option("--credits-per-month", required=True, type=Whole(0, _MAX_CREDITS))
@click.option("--usd-per-credit", required=True, type=_RATE, help="Value of a spent credit, in USD.")
@click.option(
    "--rollover",
    default=ROLLOVER_ALL,
    callback=lambda _, __, value: _rollover(value),
    help="What of the plan's credits is kept at the turn of the month: all, none, or the most credits that are.",
)
@click.option("--default", is_flag=True, help="Make it the plan of new accounts.")
@with_database
def set_plan(name: str, credits_per_month: int, usd_per_credit: Decimal, rollover: str, *, default: bool) -> None:
    """Create a plan, or change it from today on. Earlier months are granted by the plan as of their first day."""
    with transaction():
        plans.put(name, credits_per_month, usd_per_credit, rollover, default=default)
    click.echo(f"Plan {name}: {credits_per_month:,} credits per month.")


@plan.command("assign", epilog="Example: flask credits plan assign 17 Team --from next_month")
@click.argument("account_id", type=Whole(1, MAX_ID))
@_NAME
@click.option(
    "--from",
    "starts",
    type=click.Choice([*Starts]),
    default=Starts.NOW,
    help="Now grants at once what the plan grants beyond what was granted for this month.",
)
@with_database
def assign_plan(account_id: int, name: str, starts: str) -> None:
    """Assign a plan to an account. Earlier months are granted by the plan of their first day."""
    with transaction():
        plans.assign(account_id, name, Starts(starts))
    click.echo(f"Account {account_id}: plan {name}.")


@package.command("list", epilog="Example: flask credits package list")
@with_database
def list_packages() -> None:
    """List all packages."""
    rows = (
        (each.name, f"{each.credits:,}", f"{each.price:,.2f}", "yes" if each.is_active else "no")
        for each in catalogue.every_package()
    )
    _show(("package", "credits", "price in USD", "for sale"), rows)


@package.command("set", epilog="Example: flask credits package set 'Mega Pack' --credits 50000 --price 499.00")
@_NAME
@click.option("--credits", "amount", required=True, type=Whole(1, _MAX_CREDITS))
@click.option("--price", required=True, type=_PRICE, help="Price in USD.")
@click.option("--expires-after-days", type=Whole(1, _MAX_DAYS), help="Let bought credits expire after so many days.")
@click.option("--inactive", is_flag=True, help="Take the package off sale.")
@with_database
def set_package(name: str, amount: int, price: Decimal, expires_after_days: int | None, *, inactive: bool) -> None:
    """Create a package, or change it for future purchases."""
    with transaction():
        catalogue.put(name, amount, price, is_active=not inactive, expires_after_days=expires_after_days)
    click.echo(f"{name}: {amount:,} credits for {price:.2f} USD{', not for sale' if inactive else ''}.")


def _rollover(value: str) -> str:
    if value in {ROLLOVER_ALL, ROLLOVER_NONE} or (value.isascii() and value.isdigit() and len(value) < 10):  # noqa: PLR2004 - the column's
        return value
    raise click.BadParameter("Must be all, none, or a number of credits.")


def _name(value: str) -> str:
    name = value.strip()
    if not name or len(name) > 255 or not name.isprintable():  # noqa: PLR2004 - the column's
        raise click.BadParameter("A name must have 1 to 255 printable characters.")
    return name


def _show(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    table = Table(*headings)
    for row in rows:
        table.add_row(*row)
    # Names are printed literally, including brackets and colons.
    Console(markup=False, emoji=False).print(table)
