"""All settings of the service, declared once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from app.config import values
from app.config.declaration import (
    ConfigurationError,
    UnusableValueError,
    declarations,
    group,
    read_all,
    setting,
)
from app.config.groups import Limiting, Seller, Serving, SignIn, Tracing
from app.config.secret import MIN_SECRET_BYTES, kept_secret
from app.db.server import embedded

ROOT = Path(__file__).resolve().parent.parent.parent
# Worker processes: more than one per processor slow each other down.
DEFAULT_WORKERS = max(2, os.cpu_count() or 1)


def _production(text: str) -> bool:
    return values.choice("development", "production")(text) == "production"


def _enforced(text: str) -> bool:
    return values.choice("enforce", "off")(text) == "enforce"


def _directory(text: str) -> Path:
    return (ROOT / text).resolve()


def _secrets(text: str) -> tuple[str, ...]:
    secrets = tuple(secret.strip() for secret in text.split(",")) if text else ()
    if any(len(secret.encode()) < MIN_SECRET_BYTES for secret in secrets):
        raise UnusableValueError(
            f"must be at least {MIN_SECRET_BYTES} bytes long, as must each of several secrets separated by commas"
        )
    return secrets


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The settings of the service. Create them with `Settings.load()`."""

    production: bool = setting(
        "APP_ENV",
        _production,
        "development or production; production requires DATABASE_URL of an ordinary role, and AUTH_SECRET or\n"
        "AUTH_JWKS_URL",
        default="development",
    )
    database_url: str = setting(
        "DATABASE_URL",
        values.primary_database,
        "PostgreSQL 18 or newer; if unset, an embedded server under VAR_DIR. Of several servers, the primary is used:\n"
        "postgresql://billing:secret@db1:5432,db2:5432/billing?target_session_attrs=read-write",
        example="postgresql://billing:secret@localhost/billing",
        secret=True,
    )  # type: ignore[assignment] # `load` replaces None by the URL of the embedded server
    database_owner_url: str | None = setting(
        "DATABASE_OWNER_URL",
        values.primary_database,
        "The role that owns the tables, for migrations, backups and restores; defaults to DATABASE_URL. With two\n"
        "roles, the role in DATABASE_URL can change rows but not tables",
        example="postgresql://billing_owner:secret@localhost/billing",
        secret=True,
    )
    database_replica_url: str | None = setting(
        "DATABASE_REPLICA_URL",
        values.database,
        "A streaming replica for reads",
        example="postgresql://billing:secret@replica/billing",
        secret=True,
    )
    database_replica_max_lag: float = setting(
        "DATABASE_REPLICA_MAX_LAG",
        values.seconds(maximum=10),
        "Maximum seconds that a read waits for the replica; a replica that lags more is not used",
        default="0.1",
    )
    host: str = setting("HOST", values.host, "The address to listen on", default="127.0.0.1")
    port: int = setting("PORT", values.whole(1, values.MAX_PORT), "The port to listen on", default="3000")
    web_concurrency: int = setting(
        "WEB_CONCURRENCY",
        values.whole(1, 1024),
        "Worker processes; defaults to one per processor, at least two",
        default=str(DEFAULT_WORKERS),
        example="4",
    )
    serving: Serving = group(Serving)
    var_dir: Path = setting(
        "VAR_DIR", _directory, "Directory of the embedded database and the generated secret", default="var"
    )
    # The directory of the embedded server; None if DATABASE_URL is set.
    embedded_dir: Path | None
    auth_secrets: tuple[str, ...] = setting(
        "AUTH_SECRET",
        _secrets,
        "The secret of HS256 tokens, at least 32 bytes; outside production, one is generated under VAR_DIR. Of "
        "several\n"
        "secrets, separated by commas, the first signs and all verify: to rotate, add the new one in front, and "
        "remove\n"
        "the old one once its tokens have expired",
        default="",
        secret=True,
    )
    auth_jwks_url: str | None = setting(
        "AUTH_JWKS_URL",
        values.web_address,
        "URL of the key set of RS256 and ES256 tokens; requires VALID_ISSUERS",
        example="https://auth.example.com/.well-known/jwks.json",
    )
    valid_issuers: tuple[str, ...] = setting(
        "VALID_ISSUERS",
        values.json_texts,
        "Accepted issuers, as a JSON list",
        default="[]",
        example='["https://auth.example.com/"]',
    )
    auth_audience: str | None = setting(
        "AUTH_AUDIENCE",
        values.text_up_to(1000),
        "Required audience of tokens; any if unset",
        example="https://billing.example.com",
    )
    email_verified_default: bool = setting(
        "EMAIL_VERIFIED_DEFAULT",
        values.flag,
        "Whether the e-mail address of a token without the claim `email_verified` counts as verified",
        default="false",
    )
    sign_in: SignIn = group(SignIn)
    accounts_per_identity: int = setting(
        "ACCOUNTS_PER_IDENTITY",
        values.whole(1, 1000),
        "How many customer accounts one user of an issuer may open, counting all they ever opened",
        default="3",
    )
    cors_origins: tuple[str, ...] = setting(
        "CORS_ORIGINS",
        values.origins,
        "Browser origins that may call the service, separated by commas; * for any",
        default="",
        example="https://admin.example.com",
    )
    log_level: str = setting(
        "LOG_LEVEL",
        values.choice("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
        "DEBUG, INFO, WARNING, ERROR or CRITICAL",
        default="INFO",
    )
    stripe_secret_key: str | None = setting(
        "STRIPE_SECRET_KEY",
        values.visible,
        "Card payments: without a key only bank transfer is offered",
        example="sk_live_...",
        secret=True,
    )
    stripe_publishable_key: str | None = setting(
        "STRIPE_PUBLISHABLE_KEY",
        values.visible,
        "Shows the fields for cards on the portal; without it the portal offers bank transfer only",
        example="pk_live_...",
    )
    stripe_webhook_secret: str | None = setting(
        "STRIPE_WEBHOOK_SECRET",
        values.visible,
        "Signs the events that Stripe sends to /v1/billing/webhooks/stripe/",
        example="whsec_...",
        secret=True,
    )
    stripe_api_base: str | None = setting(
        "STRIPE_API_BASE",
        values.web_address,
        "Another address than Stripe's own, such as a stand-in for tests",
        example="http://127.0.0.1:8420",
    )
    seller: Seller = group(Seller)
    limiting: Limiting = group(Limiting)
    account_dates_enforced: bool = setting(
        "ACCOUNT_DATES",
        _enforced,
        "enforce: billing accounts before their start or after their end refuse operations that raise their reserved\n"
        "total; off: only their status is checked",
        default="off",
    )
    tracing: Tracing = group(Tracing)
    member_db_url: str | None = setting(
        "MEMBER_DB_URL",
        values.postgresql,
        "The Members database, for `flask import-access`",
        example="postgresql://reader:secret@localhost/members",
        secret=True,
    )

    @property
    def bound_to(self) -> str:
        """Host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def address(self) -> str:
        """The base URL, for people on this machine."""
        return f"http://{self.bound_to}"

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Settings from `environ`, or from `.env` overlaid by the process environment.

        Raises ConfigurationError naming the variable if a value is invalid or a required one is missing.
        """
        if environ is None:
            environ = {**_dotenv(), **os.environ}
            _unset_empty_variables()
        found = read_all(cls, {key: value.strip() for key, value in environ.items() if value.strip()})
        _require_together(found)
        var_dir, external = found["var_dir"], found["database_url"]
        found["embedded_dir"] = None if external else var_dir
        found["database_url"] = external or embedded.url(var_dir)
        if not found["auth_secrets"] and found["auth_jwks_url"] is None:
            found["auth_secrets"] = (kept_secret(var_dir / "auth_secret"),)
        return cls(**found)


def _dotenv() -> dict[str, str]:
    """The variables of `.env`. Raises ConfigurationError when it cannot be read."""
    path = ROOT / ".env"
    try:
        return {key: value for key, value in dotenv_values(path).items() if value is not None}
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path} is not UTF-8 text: byte {error.start + 1} is not part of a character."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None


def _unset_empty_variables() -> None:
    """Unset empty variables, also for libraries that read the environment themselves."""
    for each in declarations(Settings):
        if not os.environ.get(each.variable, "given").strip():
            del os.environ[each.variable]


def _require_together(found: Mapping[str, Any]) -> None:
    """Raise ConfigurationError if a setting that another one requires is missing."""
    if found["auth_jwks_url"] and not found["valid_issuers"]:
        raise ConfigurationError("AUTH_JWKS_URL requires VALID_ISSUERS, the list of accepted issuers.")
    if found["stripe_publishable_key"] and not found["stripe_secret_key"]:
        raise ConfigurationError("STRIPE_PUBLISHABLE_KEY requires STRIPE_SECRET_KEY.")
    sign_in: SignIn = found["sign_in"]
    if sign_in.issuer and not sign_in.client_id:
        raise ConfigurationError("OIDC_ISSUER requires OIDC_CLIENT_ID.")
    if found["production"]:
        if sign_in.issuer and not (found["auth_secrets"] or sign_in.session_secret):
            raise ConfigurationError("OIDC_ISSUER requires SESSION_SECRET or AUTH_SECRET, which all copies share.")
        missing = [] if found["database_url"] else ["DATABASE_URL"]
        missing += [] if found["auth_secrets"] or found["auth_jwks_url"] else ["AUTH_SECRET or AUTH_JWKS_URL"]
        if missing:
            raise ConfigurationError(f"APP_ENV=production requires {' and '.join(missing)}.")
    if found["database_owner_url"] and not found["database_url"]:
        raise ConfigurationError("DATABASE_OWNER_URL requires DATABASE_URL: the embedded server has only one role.")
