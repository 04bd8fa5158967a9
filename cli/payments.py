"""`flask payments`: reconciliation with payment gateways."""

import click
from flask.cli import AppGroup

from app.purchases import reconciliation
from cli.database import with_database

payments = AppGroup(
    "payments", help="Reconcile payments with their gateways.", epilog="Example: flask payments reconcile"
)


@payments.command(epilog="Example: flask payments reconcile")
@with_database
def reconcile() -> None:
    """Query the gateways about every open payment and pending refund, and complete interrupted ones."""
    click.echo(reconcile_all())


def reconcile_all() -> str:
    """Reconcile every open payment, print each outcome, and return a summary. Raises ClickException on failures."""
    asked = changed = failed = 0
    for each in reconciliation.reconcile():
        asked += 1
        changed += each.changed
        failed += each.failed
        click.echo(f"{each.payment_id}: {each.outcome}")
    outcome = f"{asked} open payments, {changed} changed."
    if failed:
        raise click.ClickException(f"{outcome} {failed} payments could not be reconciled.")
    return outcome
