"""The billing service: `create_app` builds it."""

from flask import Flask
from flask_migrate import Migrate

from app import models
from app.api_keys.routes import account_blueprint as account_keys
from app.api_keys.routes import admin_blueprint as admin_keys
from app.audit import actors
from app.auth.tokens import TokenVerifier
from app.billing_accounts.book_routes import blueprint as budget_books
from app.billing_accounts.correction_routes import blueprint as budget_corrections
from app.billing_accounts.report_routes import blueprint as budget_reports
from app.billing_accounts.routes import blueprint as billing_accounts
from app.clients.routes import blueprint as clients
from app.config import ROOT, Settings
from app.console import browser, formats, permitted
from app.console import routes as console
from app.credits.account_routes import blueprint as account
from app.credits.hold_routes import blueprint as holds
from app.credits.routes import blueprint as credits
from app.customers.routes import blueprint as team
from app.db import base
from app.db.fast import driver, prepared
from app.db.replica import failover
from app.db.replica.routing import open_replica
from app.db.server import skew
from app.desk.routes.account_life import blueprint as account_life
from app.desk.routes.accounts import blueprint as desk_accounts
from app.desk.routes.catalogue import blueprint as desk_catalogue
from app.desk.routes.contents import blueprint as desk_contents
from app.desk.routes.documents import blueprint as desk_documents
from app.desk.routes.payments import blueprint as desk_payments
from app.desk.routes.reports import blueprint as desk_reports
from app.desk.routes.search import blueprint as desk_search
from app.desk.routes.tax_rates import blueprint as tax_rates
from app.imports.routes import blueprint as imports
from app.purchases import gateways
from app.purchases.invoice_routes import blueprint as invoices
from app.purchases.routes import blueprint as purchases
from app.trail.routes import blueprint as trail
from app.web import browsers, converters, exports, limits, metrics, operations, pages, requests
from app.web.application import Application
from app.web.documentation import ServiceApi
from app.web.health import blueprint as health
from app.web.json import OrjsonProvider
from app.work_periods.payment_routes import blueprint as work_period_payments
from app.work_periods.routes import booking_blueprint, period_blueprint

__all__ = ["create_app", "models"]

MAX_BODY_BYTES = 4 * 1024 * 1024
THREADS_PER_WORKER = 4
FEATURES = (
    health,
    clients,
    billing_accounts,
    budget_books,
    budget_corrections,
    budget_reports,
    booking_blueprint,
    period_blueprint,
    work_period_payments,
    credits,
    holds,
    purchases,
    invoices,
    account,
    team,
    account_keys,
    admin_keys,
    account_life,
    trail,
    desk_accounts,
    desk_contents,
    desk_payments,
    desk_documents,
    desk_reports,
    desk_search,
    desk_catalogue,
    tax_rates,
    imports,
)
# After how long without a sign of life from the machine of the database a connection is broken. Without a limit, a
# request that waits for a machine that is off waits for a quarter of an hour. Slow statements are not affected.
DEAD_PEER_SECONDS = 10
ENGINE_OPTIONS = {
    "pool_size": THREADS_PER_WORKER,
    "max_overflow": THREADS_PER_WORKER,
    "pool_timeout": 5,
    # Values are what callers sent: they do not belong in logs.
    "hide_parameters": True,
    "connect_args": {
        # Each server of several: one that is off delays every new connection by so much.
        "connect_timeout": 3,
        # Of what was sent, and of a server that has been silent: the machine's network answers, not its PostgreSQL.
        "tcp_user_timeout": DEAD_PEER_SECONDS * 1000,
        "keepalives_idle": DEAD_PEER_SECONDS // 2,
        "keepalives_interval": 1,
        "keepalives_count": DEAD_PEER_SECONDS // 2,
        "application_name": "billing-service",
        "connection_factory": driver.Connection,
        "cursor_factory": driver.Cursor,
    },
}


def create_app(settings: Settings | None = None) -> Flask:
    """The application: extensions, then the features. Raises ConfigurationError when the environment is unusable."""
    settings = settings or Settings.load()
    app = Application(__name__, static_folder=None)
    app.json = OrjsonProvider(app)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.config.update(
        SETTINGS=settings,
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=ENGINE_OPTIONS,
    )
    app.extensions["token_verifier"] = TokenVerifier(settings)
    actors.init_app(app)
    skew.init_app(app)
    gateways.init_app(app, settings)
    limits.init_app(app, settings)
    exports.init_app(app, settings)
    requests.configure_logging(settings.log_level)
    requests.init_app(app)
    converters.init_app(app)
    base.db.init_app(app)
    _connect_databases(app, settings)
    if settings.tracing.wanted:
        from app.web import traces  # noqa: PLC0415 - a large library that most installations do not use

        traces.init_app(app)
    Migrate(app, base.db, directory=str(ROOT / "migrations"))
    browsers.init_app(app)
    app.register_blueprint(operations.blueprint)
    app.register_blueprint(pages.blueprint)
    api = ServiceApi(app)
    for blueprint in FEATURES:
        api.register_blueprint(blueprint)
    _add_pages(app, settings)
    return app


def _add_pages(app: Flask, settings: Settings) -> None:
    browser.init_app(app, settings)
    formats.init_app(app)
    permitted.init_app(app)
    for blueprint in console.BLUEPRINTS:
        app.register_blueprint(blueprint)


def _connect_databases(app: Flask, settings: Settings) -> None:
    with app.app_context():
        primary = base.db.engine
    failover.leave_read_only_servers(primary)
    prepared.listen(primary)
    metrics.count_connections(primary, pool="primary")
    replica = settings.database_replica_url and open_replica(
        primary,
        settings.database_replica_url,
        max_lag=settings.database_replica_max_lag,
        options=app.config["SQLALCHEMY_ENGINE_OPTIONS"],
    )
    if replica:
        prepared.listen(replica.engine)
        metrics.count_connections(replica.engine, pool="replica")
    app.extensions["replica"] = replica
