"""The two roles of a database: the owner migrates, backs up and restores; the other is what the service runs as.

They may be one. Where they are two, the second changes rows and nothing else: it cannot create, alter, drop or truncate
a table, so that what a table refuses, such as a change of what was booked, no statement of the service can lift.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.pool import NullPool

# Tables whose rows the service only adds and changes: a statement that deletes from them is a mistake.
NEVER_DELETED = (
    "account_routes",
    "api_key_secrets",
    "api_keys",
    "audit_chains",
    "audit_entries",
    "billing_accounts",
    "budget_movements",
    "budgets",
    "clients",
    "credit_balances",
    "credit_daily_totals",
    "credit_holds",
    "credit_lots",
    "credit_notes",
    "customer_accounts",
    "disputes",
    "invoices",
    "number_series",
    "payments",
    "personal_data",
    "plan_grants",
    "refunds",
    "row_counts",
    "work_period_payments",
)
# Tables that an import analyzes before foreign keys that lead to them are checked (see `app.db.staging`).
ANALYZED = ("clients", "billing_accounts", "budgets")
_RIGHTS = text("SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")


class PrivilegedRoleError(Exception):
    """The service would run as a role that row-level security does not bind; the text says which and what to do."""


def require_ordinary_role(connection: Connection) -> None:
    """Raise PrivilegedRoleError for a superuser, and for a role that bypasses row-level security."""
    role, superuser, bypasses = connection.execute(_RIGHTS).one()
    if superuser or bypasses:
        what = "a superuser" if superuser else "a role with BYPASSRLS"
        raise PrivilegedRoleError(
            f"DATABASE_URL connects as {role}, {what}: row-level security does not separate customers from each other "
            "then. Use an ordinary role, and DATABASE_OWNER_URL for the owner of the tables."
        )


@contextmanager
def owner_engine(primary: Engine, owner_url: str | None) -> Iterator[Engine]:
    """An engine that connects as the owner: `primary` where the service runs as the owner."""
    if owner_url is None:
        yield primary
        return
    engine = create_engine(owner_url, poolclass=NullPool, hide_parameters=True, connect_args={"connect_timeout": 5})
    try:
        yield engine
    finally:
        engine.dispose()


def grants(database_url: str, owner_url: str | None) -> str | None:
    """The statements by which the owner lets the role in `database_url` work; None where they are the same role."""
    role = make_url(database_url).username
    if role is None or owner_url is None or role == make_url(owner_url).username:
        return None
    name, literal = '"' + role.replace('"', '""') + '"', "'" + role.replace("'", "''") + "'"
    never_deleted = ", ".join(f"'{table}'" for table in NEVER_DELETED)
    return f"""
        SELECT pg_advisory_xact_lock(hashtext('billing-service grants'));
        GRANT USAGE ON SCHEMA public TO {name};
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name};
        GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {name};
        GRANT MAINTAIN ON {", ".join(ANALYZED)} TO {name};
        REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {name};
        DO $grants$
        DECLARE kept name;
        BEGIN
            FOR kept IN SELECT relname FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relname IN ({never_deleted})
            LOOP
                EXECUTE 'REVOKE DELETE ON public.' || quote_ident(kept) || ' FROM ' || quote_ident({literal});
            END LOOP;
            FOR kept IN SELECT relname FROM pg_class JOIN pg_trigger ON tgrelid = pg_class.oid
                WHERE relnamespace = 'public'::regnamespace AND tgname = 'append_only'
            LOOP
                EXECUTE 'REVOKE UPDATE, DELETE ON public.' || quote_ident(kept) || ' FROM ' || quote_ident({literal});
            END LOOP;
        END $grants$
    """
