"""Settings: the environment, read once, typed and checked."""

import json
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.db import addresses, embedded

ROOT = Path(__file__).resolve().parent.parent
MIN_SECRET_BYTES = 32
MAX_PORT = 65535
# Of worker processes: more than there are processors are in each other's way.
DEFAULT_WORKERS = max(2, os.cpu_count() or 1)

_POSTGRESQL = frozenset({"postgresql", "postgres", "postgresql+psycopg2"})
_DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)


class ConfigurationError(Exception):
    """The environment does not describe a service that may start; the text says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Serving:
    """How connections and worker processes are kept. Of requests, `trusted_proxy_hops` proxies say whose they are."""

    trusted_proxy_hops: int
    keep_alive_seconds: int
    worker_max_requests: int
    # Whether the OpenTelemetry exporter has somewhere to send spans to.
    traces: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the service is told from outside. Build it with `Settings.load()`."""

    production: bool
    database_url: str
    database_replica_url: str | None
    database_replica_max_lag: float
    embedded_dir: Path | None
    var_dir: Path
    host: str
    port: int
    web_concurrency: int
    serving: Serving
    # The first signs, all verify.
    auth_secrets: tuple[str, ...]
    auth_jwks_url: str | None
    valid_issuers: tuple[str, ...]
    auth_audience: str | None
    # Whether the e-mail address of a token without `email_verified` counts as verified.
    email_verified_default: bool
    cors_origins: tuple[str, ...]
    log_level: str
    member_db_url: str | None
    stripe_secret_key: str | None
    stripe_webhook_secret: str | None
    stripe_api_base: str | None
    seller_name: str

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Settings from `environ`, or from `.env` overlaid by the process environment.

        Raises ConfigurationError naming the variable when a value is unusable or a needed one is missing.
        """
        if environ is None:
            dotenv = {key: value for key, value in dotenv_values(ROOT / ".env").items() if value is not None}
            environ = {**dotenv, **os.environ}
        env = {key: value.strip() for key, value in environ.items() if value.strip()}
        production = env.get("APP_ENV", "development").lower() == "production"
        var_dir = (ROOT / env.get("VAR_DIR", "var")).resolve()
        jwks_url, issuers = _web_address(env, "AUTH_JWKS_URL"), _issuers(env.get("VALID_ISSUERS"))
        if jwks_url and not issuers:
            raise ConfigurationError("AUTH_JWKS_URL needs VALID_ISSUERS: name the issuers whose tokens are accepted.")
        database_url = _database(env, "DATABASE_URL", target_session_attrs="read-write")
        return cls(
            production=production,
            database_url=database_url or embedded.url(var_dir),
            database_replica_url=_database(env, "DATABASE_REPLICA_URL"),
            database_replica_max_lag=_seconds(env, "DATABASE_REPLICA_MAX_LAG", "0.1", maximum=10),
            embedded_dir=None if database_url else var_dir,
            var_dir=var_dir,
            host=env.get("HOST", "127.0.0.1"),
            port=_integer(env, "PORT", 3000, maximum=MAX_PORT),
            web_concurrency=_integer(env, "WEB_CONCURRENCY", DEFAULT_WORKERS, maximum=1024),
            serving=_serving(env),
            auth_secrets=_secrets(env.get("AUTH_SECRET"), jwks_url, var_dir, production=production),
            auth_jwks_url=jwks_url,
            valid_issuers=issuers,
            auth_audience=env.get("AUTH_AUDIENCE"),
            email_verified_default=_flag(env, "EMAIL_VERIFIED_DEFAULT", default=False),
            cors_origins=tuple(origin.strip() for origin in env.get("CORS_ORIGINS", "").split(",") if origin.strip()),
            log_level=_log_level(env.get("LOG_LEVEL", "INFO")),
            member_db_url=_postgresql(env, "MEMBER_DB_URL"),
            stripe_secret_key=env.get("STRIPE_SECRET_KEY"),
            stripe_webhook_secret=env.get("STRIPE_WEBHOOK_SECRET"),
            stripe_api_base=_web_address(env, "STRIPE_API_BASE"),
            seller_name=env.get("SELLER_NAME", "Billing service"),
        )


def _integer(env: Mapping[str, str], name: str, default: int, *, maximum: int, minimum: int = 1) -> int:
    text = env.get(name, str(default))
    if not (text.isascii() and text.isdigit() and minimum <= int(text) <= maximum):
        raise ConfigurationError(f"{name} must be a whole number from {minimum} to {maximum}, not {text!r}.")
    return int(text)


def _seconds(env: Mapping[str, str], name: str, default: str, *, maximum: int) -> float:
    text = env.get(name, default)
    if not (_DECIMAL.fullmatch(text) and 0 < float(text) <= maximum):
        raise ConfigurationError(f"{name} must be a number of seconds above 0 and up to {maximum}, not {text!r}.")
    return float(text)


def _serving(env: Mapping[str, str]) -> Serving:
    return Serving(
        trusted_proxy_hops=_integer(env, "TRUSTED_PROXY_HOPS", 0, minimum=0, maximum=10),
        # Longer than the 60 seconds after which proxies usually drop an idle connection: they must be the ones to do
        # it, or a request meets a connection that was closed a moment ago.
        keep_alive_seconds=_integer(env, "KEEP_ALIVE_SECONDS", 75, maximum=3600),
        worker_max_requests=_integer(env, "WORKER_MAX_REQUESTS", 250_000, minimum=0, maximum=1_000_000_000),
        traces=_traces(env),
    )


def _traces(env: Mapping[str, str]) -> bool:
    """Whether the standard variables ask for traces; the exporter itself reads the rest of them."""
    endpoint = env.get("OTEL_EXPORTER_OTLP_ENDPOINT") or env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    disabled = env.get("OTEL_SDK_DISABLED", "").lower() == "true" or env.get("OTEL_TRACES_EXPORTER") == "none"
    return endpoint is not None and not disabled


def _postgresql(env: Mapping[str, str], name: str) -> str | None:
    url = env.get(name)
    if url is None:
        return None
    try:
        supported = make_url(addresses.for_sqlalchemy(url)).drivername.lower() in _POSTGRESQL
    except (ArgumentError, ValueError):
        supported = False
    if not supported:
        raise ConfigurationError(f"{name} must be a postgresql:// address; no other database is supported.")
    return url


def _database(env: Mapping[str, str], name: str, **of_several: str) -> str | None:
    """An address for our own driver; what `of_several` says of a choice between hosts holds unless the address does."""
    url = _postgresql(env, name)
    return url and "postgresql+psycopg2://" + addresses.for_sqlalchemy(url, **of_several).split("://", 1)[1]


def _web_address(env: Mapping[str, str], name: str) -> str | None:
    url = env.get(name)
    if url is not None and not (urlsplit(url).scheme in {"http", "https"} and urlsplit(url).hostname):
        raise ConfigurationError(f"{name} must be an https:// address, not {url!r}.")
    return url


def _issuers(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    try:
        issuers = json.loads(text)
    except ValueError:
        issuers = None
    if not isinstance(issuers, list) or not all(isinstance(issuer, str) and issuer for issuer in issuers):
        raise ConfigurationError('VALID_ISSUERS must be a JSON list of texts, such as ["https://auth.example.com/"].')
    return tuple(issuers)


def _log_level(text: str) -> str:
    level = text.upper()
    if level not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
        raise ConfigurationError(f"LOG_LEVEL must be DEBUG, INFO, WARNING, ERROR or CRITICAL, not {text!r}.")
    return level


def _flag(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = env.get(name, str(default)).lower()
    if text not in {"true", "false"}:
        raise ConfigurationError(f"{name} must be true or false, not {text!r}.")
    return text == "true"


def _secrets(text: str | None, jwks_url: str | None, var_dir: Path, *, production: bool) -> tuple[str, ...]:
    """The HS256 secrets given, or outside production one kept in `var_dir`; none when only JWKS is used."""
    if text is None:
        if jwks_url is not None:
            return ()
        if production:
            raise ConfigurationError("APP_ENV=production needs AUTH_SECRET or AUTH_JWKS_URL; neither is set.")
        return (_kept_secret(var_dir / "auth_secret"),)
    secrets_given = tuple(secret.strip() for secret in text.split(","))
    if any(len(secret.encode()) < MIN_SECRET_BYTES for secret in secrets_given):
        raise ConfigurationError(
            f"AUTH_SECRET must be at least {MIN_SECRET_BYTES} bytes long, and so must each secret of a comma list."
        )
    return secrets_given


def _kept_secret(path: Path) -> str:
    try:
        if not path.exists():
            _make_secret(path)
        secret = path.read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"VAR_DIR cannot hold the generated secret: {error}.") from None
    if len(secret) < MIN_SECRET_BYTES:
        raise ConfigurationError(f"{path} is damaged: remove it, and a new secret is made.")
    return secret


def _make_secret(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(48))
    # A link is atomic and never replaces: of two processes starting together, both read the winner's.
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
