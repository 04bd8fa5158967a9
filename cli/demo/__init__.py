"""`flask demo`: a year of a business to look at.

What happens is a list of events, which are made in the order of their days: entries of the audit trail never go back in
time.
"""

from datetime import timedelta
from operator import itemgetter

import click

from app import clock
from app.clients import service as clients
from app.clock import utc_now
from app.errors import NotFound
from cli.database import with_database
from cli.demo import budgets, customers, staffing
from cli.demo.story import DAYS, Event


@click.command(epilog="Example: flask demo")
@with_database
def demo() -> None:
    """Load a year of demo data. Loading it again changes nothing."""
    try:
        clients.get(budgets.CLIENTS[0][0])
    except NotFound:
        begun = utc_now().replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
        for day, event in sorted(_events(), key=itemgetter(0)):
            with clock.at(begun + timedelta(days=day)):
                event()
        click.echo(
            f"Loaded {len(budgets.CLIENTS)} clients, {len(budgets.ACCOUNTS)} billing accounts, {len(staffing.BOOKINGS)}"
            f" bookings with payments, and {len(customers.CUSTOMERS)} customers; {customers.HARBOUR.user_id!r} owns the"
            " account with the most to look at."
        )
    else:
        click.echo("The demo data is already loaded.")


def _events() -> list[Event]:
    return [*budgets.events(), *staffing.events(), *customers.events()]
