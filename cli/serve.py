"""`flask serve`: the service under gunicorn, with the embedded database if none is configured."""

import ipaddress
import socket
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import flask_migrate
from flask import Flask, current_app
from flask.cli import ScriptInfo, pass_script_info, with_appcontext
from gunicorn.app.base import BaseApplication

from app import THREADS_PER_WORKER
from app.config import ConfigurationError, Settings
from app.db.base import db
from app.db.server.revision import require_current_schema
from app.db.server.roles import PrivilegedRoleError, require_ordinary_role
from app.db.server.version import require_supported_server
from app.web import metrics
from cli import token
from cli.database import with_database
from cli.workers import Workers

WORKER_TIMEOUT_SECONDS = 60
GRACEFUL_STOP_SECONDS = 30
# Wider than what the application and the proxy accept, so that they refuse in their own shape what gunicorn would
# refuse in HTML. Of a request line gunicorn takes either 8,190 bytes, less than an address may have, or any number.
_ANY_REQUEST_LINE = 0
_PARSED_HEADERS = 200
_PARSED_HEADER_BYTES = 64 * 1024


@click.command(epilog="Example: PORT=8080 flask serve")
@click.option(
    "--migrate/--no-migrate",
    default=True,
    help="Run migrations first, or refuse to start on an outdated schema (for several copies).",
)
@pass_script_info
@with_appcontext
def serve(script: ScriptInfo, migrate: bool) -> None:
    """Run migrations, then serve requests until stopped."""
    _require_free_port(current_app.config["SETTINGS"])
    _serve(script.load_app(), migrate=migrate)


@with_database
def _serve(app: Flask, *, migrate: bool) -> None:
    settings: Settings = app.config["SETTINGS"]
    _prepare_database(migrate=migrate, production=settings.production)
    try:
        metrics.share_between_workers(settings.var_dir / "metrics" / str(settings.port))
    except OSError as error:
        raise ConfigurationError(f"The metrics shared by workers cannot be stored in VAR_DIR: {error}") from None
    link = _console_link(settings)
    # Workers are forked from this process and must not share its connections.
    db.session.remove()
    db.engine.dispose()
    _Server(app, settings, link).run()


def _require_free_port(settings: Settings) -> None:
    """Fail early, in one line, instead of after the database has started."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with closing(socket.socket(family)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise click.ClickException(
                f"Port {settings.port} on {settings.host} cannot be used ({error.strerror}): "
                "stop the program that uses it, or set PORT."
            ) from None


def _prepare_database(*, migrate: bool, production: bool) -> None:
    with db.engine.connect() as connection:
        require_supported_server(connection)
        try:
            require_ordinary_role(connection)
        except PrivilegedRoleError as error:
            if production:
                raise
            click.echo(f"Warning: {error}", err=True)
        if not migrate:
            require_current_schema(connection, current_app.extensions["migrate"].directory)
    if migrate:
        flask_migrate.upgrade()


def _console_link(settings: Settings) -> str | None:
    """The link in the output, which signs in as an administrator and is valid as long as the token beside it.

    None in production: output is logged, and more people can read logs than may administer the service.
    """
    if settings.production or settings.sign_in.issuer:
        return None
    return token.link(settings, link_lives=timedelta(hours=token.DEFAULT_HOURS))


class _Server(BaseApplication):  # type: ignore[misc] # gunicorn is not typed
    """gunicorn in this process: killing it leaves no process behind that occupies the port."""

    def __init__(self, app: Flask, settings: Settings, link: str | None) -> None:
        self._app = app
        self._settings = settings
        self._link = link
        super().__init__()

    def load_config(self) -> None:
        """Set all options; gunicorn's command line and configuration files are not read."""
        settings, workers = self._settings, Workers(self._settings)
        options: dict[str, Any] = {
            "bind": settings.bound_to,
            "workers": settings.web_concurrency,
            "worker_class": "gthread",
            "threads": THREADS_PER_WORKER,
            "timeout": WORKER_TIMEOUT_SECONDS,
            "graceful_timeout": GRACEFUL_STOP_SECONDS,
            "keepalive": settings.serving.keep_alive_seconds,
            "max_requests": settings.serving.worker_max_requests,
            # Avoids replacing all workers at the same time.
            "max_requests_jitter": settings.serving.worker_max_requests // 5,
            "limit_request_line": _ANY_REQUEST_LINE,
            "limit_request_fields": _PARSED_HEADERS,
            "limit_request_field_size": _PARSED_HEADER_BYTES,
            # The application reads the headers of proxies, because it knows their number. gunicorn would trust every
            # connection from this machine.
            "forwarded_allow_ips": "",
            "preload_app": True,
            # Warnings would repeat malformed headers, which may be tokens, for every request.
            "loglevel": "error",
            "control_socket_disable": True,
            "proc_name": "billing-service",
            # Workers signal liveness by touching a file, which a slow disk must not delay.
            "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,  # noqa: S108
            "when_ready": lambda _server: _announce(settings, self._link),
            **workers.hooks(),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        """The application, which is already loaded."""
        return self._app


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _announce(settings: Settings, link: str | None) -> None:
    if settings.serving.trusted_proxy_hops == 0 and not _is_loopback(settings.host):
        click.echo(
            f"Warning: other machines can reach {settings.host} and TRUSTED_PROXY_HOPS is 0. Use the proxy of "
            "deploy/nginx against slow and hostile clients, and set TRUSTED_PROXY_HOPS=1.",
            err=True,
        )
    address = settings.address
    click.echo(f"Service    {address}\nReference  {address}/docs")
    if not settings.auth_secrets:
        click.echo("Tokens     are issued by the identity provider of AUTH_JWKS_URL")
    elif settings.production:
        click.echo("Tokens     are issued by `flask token`")
    else:
        click.echo(f"Token      {token.mint(settings)}")
    click.echo(f"Console    {link or f'{address}/console'}\nCtrl-C stops it.")
