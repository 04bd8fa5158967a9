"""Accounts of a previous system with their budgets, markups and clients, merged by the thousand.

Budget, status and markup are changed only while they still are what an import made them, and a client only for one that
is known. Locks are taken in the order the service takes them: accounts by id, then budgets by id.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import IO, Any, NamedTuple

from sqlalchemy import Row, text

from app.billing_accounts.ledger import importing
from app.clients import importing as clients
from app.clock import utc_now
from app.db.base import db
from app.db.staging import Merged, by_index, learn_size, stage

ACCOUNT_COLUMNS = {
    "id": "integer",
    "name": "text",
    "status": "text",
    "client_id": "text",
    "budget": "numeric",
    "sales_tax": "numeric",
    "po_number": "text",
    "payment_terms": "text",
    "description": "text",
    "subscription_number": "text",
    "is_manual_prize": "boolean",
    "billable": "boolean",
    "start_date": "timestamptz",
    "end_date": "timestamptz",
    "created_by": "text",
}
LINK_COLUMNS = {"account_id": "integer", "client_id": "text"}
MARKUP_COLUMNS = {"account_id": "integer", "markup": "numeric", "changed_at": "timestamptz"}

_OTHERS = [name for name in ACCOUNT_COLUMNS if name not in {"id", "budget", "created_by", "status", "client_id"}]
_OWN = ", ".join(["status", "client_id", *_OTHERS])
_KNOWN, _FINAL, _STAGED = (
    ", ".join(f"{table}.{name}" for name in names)
    for table, names in (
        ("known", ["status", "client_id", *_OTHERS]),
        ("final", ["status", "client_id", *_OTHERS]),
        ("staged", _OTHERS),
    )
)
# Never backwards, and before the rows come: an account created meanwhile must not take one of their ids.
_RAISE_SEQUENCE = text("""
    SELECT setval(pg_get_serial_sequence('billing_accounts', 'id'), staged.highest)
    FROM (SELECT max(id) AS highest FROM staged_accounts) AS staged, billing_accounts_id_seq AS sequence
    WHERE staged.highest > sequence.last_value
""")
# Of the links of an account to clients that there are, the last.
_RESOLVE_LINKS = text("""
    CREATE TEMP TABLE account_clients ON COMMIT DROP AS
    SELECT DISTINCT ON (account_id) account_id, client_id
    FROM staged_links JOIN clients ON clients.id = staged_links.client_id
    WHERE client_id <> ALL(:no_clients) ORDER BY account_id, position DESC
""")
# What each account is to be: `final` has its values, and beside them stands what differs from what there is.
_RESOLVED = f"""
    SELECT final.*,
        known.id IS NULL OR ({_KNOWN}) IS DISTINCT FROM ({_FINAL}) AS account_differs,
        budget.amount IS DISTINCT FROM final.budget AS budget_differs,
        final.client_id = final.linked_client AND NOT final.names_client
            AND known.client_id IS DISTINCT FROM final.client_id AS linked
    FROM (
        SELECT staged.id, staged.created_by, {_STAGED}, known.id IS NULL AS is_new, staged.budget AS staged_budget,
            link.client_id AS linked_client, named.id IS NULL AS lacks_client,
            coalesce(named.id <> ALL(:no_clients), false) AS names_client, coalesce(markup.markup, 0) AS markup,
            CASE WHEN named.id <> ALL(:no_clients) THEN named.id
                WHEN known.client_id <> ALL(:no_clients) THEN known.client_id
                ELSE coalesce(link.client_id, :default_client_id) END AS client_id,
            CASE WHEN known.id IS NULL OR known.status_as_imported THEN staged.status ELSE known.status END AS status,
            CASE WHEN known.id IS NULL OR budget.as_imported THEN staged.budget ELSE budget.amount END AS budget,
            known.status <> staged.status AND known.status_as_imported IS NOT TRUE AS keeps_status,
            budget.amount <> staged.budget AND budget.as_imported IS NOT TRUE AS keeps_budget
        FROM staged_accounts AS staged
        LEFT JOIN billing_accounts AS known ON known.id = staged.id
        LEFT JOIN budgets AS budget ON budget.billing_account_id = staged.id
        LEFT JOIN clients AS named ON named.id = staged.client_id
        LEFT JOIN account_clients AS link ON link.account_id = staged.id
        LEFT JOIN staged_markups AS markup ON markup.account_id = staged.id
    ) AS final LEFT JOIN billing_accounts AS known USING (id) LEFT JOIN budgets AS budget ON billing_account_id = id
"""
_RESOLVE = text(f"CREATE TEMP TABLE resolved_accounts ON COMMIT DROP AS {_RESOLVED}")
_CHANGES = "NOT is_new AND (account_differs OR budget_differs)"
_FIND_CHANGED = text(
    f"CREATE TEMP TABLE changed_accounts ON COMMIT DROP AS SELECT id FROM resolved_accounts WHERE {_CHANGES}"
)
_LOCK_CHANGED = text("""
    SELECT FROM billing_accounts WHERE id IN (SELECT id FROM changed_accounts) ORDER BY id FOR NO KEY UPDATE
""")
_FORGET_CHANGED = text("DELETE FROM resolved_accounts WHERE id IN (SELECT id FROM changed_accounts)")
_RESOLVE_CHANGED = text(
    f"INSERT INTO resolved_accounts {_RESOLVED} WHERE final.id IN (SELECT id FROM changed_accounts)"
)
_NEEDS_DEFAULT = text("SELECT EXISTS (SELECT FROM resolved_accounts WHERE client_id = :default_client_id)")
_ADD_ACCOUNTS = text(f"""
    INSERT INTO billing_accounts
        (id, {_OWN}, markup, created_by, created_at, updated_at, status_as_imported, markup_as_imported)
    SELECT id, {_OWN}, markup, created_by, :now, :now, true, true FROM resolved_accounts WHERE is_new ORDER BY id
    ON CONFLICT (id) DO NOTHING
""")
_CHANGE_ACCOUNTS = text(f"""
    UPDATE billing_accounts AS known
    SET {", ".join(f"{name} = final.{name}" for name in ("status", "client_id", *_OTHERS))},
        updated_at = :now, version = known.version + 1
    FROM resolved_accounts AS final WHERE known.id = final.id AND {_CHANGES}
""")
_RESULT = text(f"""
    SELECT count(*) FILTER (WHERE is_new) AS created,
        count(*) FILTER (WHERE {_CHANGES} AND (keeps_status OR keeps_budget) IS NOT TRUE) AS updated,
        count(*) FILTER (WHERE keeps_status OR keeps_budget) AS kept,
        coalesce(sum(staged_budget), 0) AS amount,
        coalesce(sum(staged_budget) FILTER (WHERE keeps_budget), 0) AS kept_amount,
        coalesce(sum(staged_budget) FILTER (WHERE keeps_budget IS NOT TRUE AND NOT budget_differs), 0)
            + (SELECT coalesce(sum(staged_budget), 0) FROM resolved_accounts AS final
                JOIN budgets ON billing_account_id = final.id
                WHERE keeps_budget IS NOT TRUE AND budget_differs AND budgets.amount = staged_budget) AS loaded_amount,
        count(*) FILTER (WHERE lacks_client AND client_id = :default_client_id) AS without_client
    FROM resolved_accounts
""")
_NO_ACCOUNT = (
    "FROM staged_markups AS staged WHERE NOT EXISTS (SELECT FROM billing_accounts WHERE id = staged.account_id)"
)
_MARKUPS_REJECTED = text(f"SELECT position, 'project_id: no such billing account' AS reason {_NO_ACCOUNT}")
_DROP_MARKUPS = text(f"DELETE {_NO_ACCOUNT}")
_LINKED = """
    FROM staged_links AS staged LEFT JOIN billing_accounts AS account ON account.id = staged.account_id
    LEFT JOIN clients AS client ON client.id = staged.client_id
"""
_LINKS_REJECTED = text(f"""
    SELECT position, CASE WHEN account.id IS NULL THEN 'project_id: no such billing account'
        ELSE 'client_id: no such client' END AS reason
    {_LINKED} WHERE account.id IS NULL OR client.id IS NULL
""")
_COUNT_LINKED = text(
    f"SELECT count(DISTINCT account_id) {_LINKED} WHERE account.id IS NOT NULL AND client.id IS NOT NULL"
)
_GIVE_CLIENTS = text("""
    WITH given AS (
        UPDATE billing_accounts AS account SET client_id = link.client_id, updated_at = :now, version = version + 1
        FROM account_clients AS link
        WHERE account.id = link.account_id AND account.client_id = ANY(:no_clients)
        RETURNING account.id
    )
    SELECT (SELECT count(*) FROM resolved_accounts WHERE linked AND is_new) AS created,
        (SELECT count(*) FROM given) + (SELECT count(*) FROM resolved_accounts WHERE linked AND NOT is_new) AS updated,
        count(*) FILTER (WHERE account.client_id <> link.client_id AND account.client_id <> ALL(:no_clients)) AS kept
    FROM account_clients AS link JOIN billing_accounts AS account ON account.id = link.account_id
""")
_SET_MARKUPS = text("""
    WITH changed AS (
        UPDATE billing_accounts AS account SET markup = staged.markup, updated_at = :now, version = version + 1
        FROM staged_markups AS staged
        WHERE account.id = staged.account_id AND account.markup <> staged.markup AND account.markup_as_imported
        RETURNING account.id
    )
    SELECT count(*) FILTER (WHERE final.is_new) AS created, (SELECT count(*) FROM changed) AS updated,
        count(*) FILTER (WHERE account.markup <> staged.markup AND account.markup_as_imported IS NOT TRUE) AS kept
    FROM staged_markups AS staged JOIN billing_accounts AS account ON account.id = staged.account_id
    LEFT JOIN resolved_accounts AS final ON final.id = account.id
""")


class AccountsMerged(NamedTuple):
    """What became of accounts, of their budgets in money, and how many of them have the default client."""

    merged: Merged
    amount: Decimal
    loaded: Decimal
    kept: Decimal
    without_client: int


def stage_accounts(lines: IO[bytes]) -> int:
    """Stage the CSV `lines` of ACCOUNT_COLUMNS for `merge_accounts`; the number of distinct accounts."""
    return stage("staged_accounts", ACCOUNT_COLUMNS, ["id"], lines)


def stage_links(lines: IO[bytes]) -> None:
    """Stage the CSV `lines` of LINK_COLUMNS: the clients of accounts that have no known one."""
    stage("staged_links", LINK_COLUMNS, ["account_id", "client_id"], lines)


def stage_markups(lines: IO[bytes]) -> int:
    """Stage the CSV `lines` of MARKUP_COLUMNS, of each account the newest; the number of accounts."""
    return stage("staged_markups", MARKUP_COLUMNS, ["account_id"], lines, newest="changed_at")


def merge_accounts(staged: int, default_client_id: str | None) -> AccountsMerged:
    """Create or change the staged accounts and their budgets; links and markups must be staged too.

    An account without a known client gets that of its link, else the default one, which must exist; None is the client
    for accounts whose own is unknown. `created_by` is set on creation only. The id sequence is kept ahead.
    """
    default = default_client_id or clients.UNKNOWN_ID
    values = {"default_client_id": default, "no_clients": _no_clients(default_client_id)}
    db.session.execute(_RAISE_SEQUENCE)
    db.session.execute(_RESOLVE_LINKS, values)
    db.session.execute(_RESOLVE, values)
    db.session.execute(_FIND_CHANGED)
    db.session.execute(_LOCK_CHANGED)
    now = utc_now()
    importing.lock_budgets(now)
    db.session.execute(_FORGET_CHANGED)
    # Read anew: from here on no one else changes these accounts, but someone may have done so until now.
    db.session.execute(_RESOLVE_CHANGED, values)
    if default_client_id is None and db.session.execute(_NEEDS_DEFAULT, values).scalar_one():
        clients.ensure_unknown()
    learn_size("clients", "id")
    with by_index():
        db.session.execute(_ADD_ACCOUNTS, {"now": now})
        learn_size("billing_accounts", "id")
        importing.add_budgets(now)
    db.session.execute(_CHANGE_ACCOUNTS, {"now": now})
    importing.change_budgets(now)
    row = db.session.execute(_RESULT, values).one()
    merged = Merged(row.created, row.updated, staged - row.created - row.updated - row.kept, row.kept)
    return AccountsMerged(merged, row.amount, row.loaded_amount, row.kept_amount, row.without_client)


def rejected_markups() -> Iterator[Row[Any]]:
    """Take back the staged markups whose account does not exist; the `position` of each and the `reason`."""
    yield from db.session.execute(_MARKUPS_REJECTED, execution_options={"yield_per": 1000})
    db.session.execute(_DROP_MARKUPS)


def rejected_links() -> Iterator[Row[Any]]:
    """The `position` of every staged link whose account or client does not exist, and the `reason`."""
    yield from db.session.execute(_LINKS_REJECTED, execution_options={"yield_per": 1000})


def merge_markups(staged: int) -> Merged:
    """Set the staged markups. Those of new accounts were set by `merge_accounts`."""
    row = db.session.execute(_SET_MARKUPS, {"now": utc_now()}).one()
    return Merged(row.created, row.updated, staged - row.created - row.updated - row.kept, row.kept)


def merge_links(default_client_id: str | None) -> Merged:
    """Give the accounts that have no known client that of their link; others keep theirs.

    Accounts that `merge_accounts` gave their client are counted here.
    """
    staged: int = db.session.execute(_COUNT_LINKED).scalar_one()
    values = {"now": utc_now(), "no_clients": _no_clients(default_client_id)}
    row = db.session.execute(_GIVE_CLIENTS, values).one()
    return Merged(row.created, row.updated, staged - row.created - row.updated - row.kept, row.kept)


def _no_clients(default_client_id: str | None) -> list[str]:
    """The clients that count as none: the default one, and that of accounts whose own is unknown."""
    return [clients.UNKNOWN_ID, *filter(None, [default_client_id])]
