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
    """Query the gateways about payments, and complete what was interrupted or missed.

    Looks at open payments, gives up those that are open for a day, and follows refunds and disputes of the last 180
    days. A run looks at 500 payments at most, those first that are due longest.
    """
    click.echo(reconcile_all())


def reconcile_all() -> str:
    """Reconcile payments, print what is open or changed, and return a summary. Raises ClickException on failures."""
    asked = changed = failed = partial = 0
    for each in reconciliation.reconcile():
        asked += not each.is_partial
        changed += each.changed
        failed += each.failed
        partial += each.is_partial
        click.echo(f"{each.payment_id}: {each.outcome}")
    outcome = f"{asked} payments open or changed, {changed} changed."
    if partial:
        outcome += f" The gateway refused to list the disputes of {partial} payments: see the log."
    if failed:
        raise click.ClickException(f"{outcome} {failed} payments could not be reconciled.")
    return outcome
