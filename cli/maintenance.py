"""`flask maintenance`: periodic jobs."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event

import click
from flask import current_app
from flask.cli import AppGroup

from app.config import Settings
from app.console import sign_ins
from app.customers import invitations
from app.db import job_runs
from app.db.base import db
from app.idempotency import store
from app.purchases import retention, webhooks
from cli.credits import grant_all_months
from cli.database import with_database
from cli.failures import told
from cli.numbers import Whole
from cli.payments import reconcile_all

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

maintenance = AppGroup("maintenance", help="Run periodic jobs.", epilog="Example: flask maintenance run")


def _prune_idempotency_keys() -> str:
    return f"{store.prune():,} expired idempotency keys deleted."


def _prune_sign_ins() -> str:
    return f"{sign_ins.prune():,} expired sign-ins of the console deleted."


def _prune_invitations() -> str:
    return f"{invitations.prune():,} invitations that ended long ago deleted."


def _prune_events() -> str:
    return f"{webhooks.prune_events():,} events of Stripe that it can no longer send again deleted."


def _forget_buyers() -> str:
    settings: Settings = current_app.config["SETTINGS"]
    return f"{retention.forget_buyers(settings.seller.retention_years):,} invoices of erased accounts lost their buyer."


# By name: jobs that return a summary. Each may be interrupted anywhere, and run again at any time.
JOBS: dict[str, Callable[[], str]] = {
    "payments": reconcile_all,
    "credits": grant_all_months,
    "idempotency-keys": _prune_idempotency_keys,
    "sign-ins": _prune_sign_ins,
    "invitations": _prune_invitations,
    "stripe-events": _prune_events,
    "invoices": _forget_buyers,
}


@maintenance.command(epilog="Example: flask maintenance run --every 300")
@click.option(
    "--every",
    type=Whole(1, 86_400),
    metavar="SECONDS",
    help="Repeat until stopped, with this pause between rounds.",
)
@with_database
def run(every: int | None) -> None:
    """Reconcile payments, grant monthly credits, and delete what is no longer needed.

    If a job fails, the others still run. Only one process at a time runs the jobs; others do nothing.
    """
    with _stopped_by_signals() as stopped:
        if every is None:
            _round(stopped)
            return
        while True:
            try:
                with told():
                    _round(stopped)
            except click.ClickException as error:
                error.show()
            if stopped.wait(every):
                return


@contextmanager
def _stopped_by_signals() -> Iterator[Event]:
    """An event that is set by a stop signal; the current job is completed first."""
    stopped = Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in _STOP_SIGNALS}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _round(stopped: Event) -> None:
    """Run every job once. Raises ClickException naming those that failed."""
    with job_runs.alone() as alone:
        if not alone:
            click.echo("Another process is running maintenance.")
            return
        # After a stop signal, the remaining jobs are left to the next round.
        failed = [name for name, job in JOBS.items() if not stopped.is_set() and not _succeeds(name, job)]
    if failed:
        raise click.ClickException(f"Failed: {', '.join(failed)}.")


def _succeeds(name: str, job: Callable[[], str]) -> bool:
    try:
        with told(), job_runs.noted(name):
            outcome = job()
    except click.ClickException as error:
        click.echo(f"{name}: {error.message}", err=True)
        return False
    except Exception:  # a fault in one job must not prevent the others
        current_app.logger.exception("Maintenance job %s failed", name)
        return False
    finally:
        db.session.remove()
    click.echo(f"{name}: {outcome}")
    return True
