"""`flask ledger`: verification of stored totals."""

from itertools import chain

import click
from flask.cli import AppGroup

from app.billing_accounts import audit as budgets
from app.credits import audit as credits
from app.customers import audit as routes
from app.db import job_runs, row_counts
from app.purchases import audit as purchases
from app.work_periods import audit as work_periods
from cli.database import with_database

ledger = AppGroup("ledger", help="Verify stored totals and routes.", epilog="Example: flask ledger verify")

AUDITS = (
    budgets.differences,
    work_periods.differences,
    credits.differences,
    routes.differences,
    purchases.differences,
    row_counts.differences,
)


@ledger.command(epilog="Example: flask ledger verify")
@with_database
def verify() -> None:
    """Recompute every stored total, and check routes; list differences, and exit with 1 if there are any."""
    with job_runs.noted("ledger verify"):
        found = 0
        for difference in chain.from_iterable(audit() for audit in AUDITS):
            click.echo(f"{difference.subject}: {difference.problem}")
            found += 1
        click.echo(budgets.summary())
        if found:
            raise click.ClickException(f"{found} stored totals or routes differ from their rows.")
    click.echo("Every stored total equals its rows.")
