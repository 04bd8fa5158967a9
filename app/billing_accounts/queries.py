"""Reading billing accounts: lists, details, and who may use them."""

from dataclasses import replace

from sqlalchemy import text

from app.db import json_rows, row_counts
from app.db.fast.prepared import Prepared
from app.db.paging import ListQuery, contains

_CLIENT = json_rows.json_object(
    {
        "id": json_rows.value("c.id"),
        "name": json_rows.value("c.name"),
        "code_name": json_rows.value("c.code_name"),
        "status": json_rows.word("c.status"),
        "start_date": json_rows.or_null(json_rows.time("c.start_date")),
        "end_date": json_rows.or_null(json_rows.time("c.end_date")),
        "created_at": json_rows.time("c.created_at"),
        "updated_at": json_rows.time("c.updated_at"),
    }
)
_COLUMNS = f"""
    a.id, a.project_id, a.name, a.description, a.subcontracting_end_customer, a.status, a.start_date, a.end_date,
    a.client_id, a.po_number, a.subscription_number, a.is_manual_prize, a.payment_terms, a.sales_tax, a.billable,
    a.created_by, a.created_at, a.updated_at, b.amount AS budget, b.locked AS locked_budget,
    b.consumed AS consumed_budget, b.remaining AS total_budget_remaining, {_CLIENT} AS client
"""
# A markup above 1 counts as percent.
_RATE = "CASE WHEN a.markup > 1 THEN a.markup / 100 ELSE a.markup END"
# What a copilot sees instead of the markup: amounts as they reach the members.
_MEMBER_REMAINING = f"round(b.remaining - b.remaining * {_RATE}, 2)"
# A payment is what its member gets: it carries no markup.
_MEMBER_AMOUNT = f"""
    CASE l.external_type WHEN 'WORK_PERIOD_PAYMENT' THEN l.amount ELSE round(l.amount / (1 + {_RATE}), 2) END
"""

_FULL_COLUMNS = f"{_COLUMNS}, a.markup"
_COPILOT_COLUMNS = f"{_COLUMNS}, {_MEMBER_REMAINING} AS member_payments_remaining"

_GRANTED = (
    "EXISTS (SELECT FROM billing_account_access g WHERE g.billing_account_id = a.id AND g.user_id = CAST({} AS text))"
)
_JOINS = """
    JOIN billing_accounts a ON a.id = page.key
    JOIN budgets b ON b.billing_account_id = a.id
    JOIN clients c ON c.id = a.client_id
"""

LIST = ListQuery(
    columns=_FULL_COLUMNS,
    source="billing_accounts a",
    key="a.id",
    joins=_JOINS,
    filters={
        "name": contains("a.name", "name"),
        "client_id": "a.client_id = :client_id",
        "user_id": _GRANTED.format(":user_id"),
        "granted_to": _GRANTED.format(":granted_to"),
        "status": "a.status = :status",
        "start_date_from": "a.start_date >= :start_date_from",
        "start_date_to": "a.start_date <= :start_date_to",
        "end_date_from": "a.end_date >= :end_date_from",
        "end_date_to": "a.end_date <= :end_date_to",
    },
    sorts={
        "id": "a.id",
        "name": "fold_text(a.name)",
        "status": "a.status",
        "start_date": "a.start_date",
        "end_date": "a.end_date",
        "created_at": "a.created_at",
        "created_by": "a.created_by",
        "remaining_budget": "b.remaining",
    },
    sort_sources={"remaining_budget": "budgets b JOIN billing_accounts a ON a.id = b.billing_account_id"},
    default_sort="created_at",
    counts=row_counts.unfiltered("billing_accounts"),
)
COPILOT_LIST = replace(LIST, columns=_COPILOT_COLUMNS)
# For who sees accounts as a copilot does, but all of those granted to `:viewer`. One of the two columns is NULL.
MIXED_LIST = replace(
    LIST,
    columns=f"""{_COLUMNS},
        CASE WHEN viewed.user_id IS NOT NULL THEN a.markup END AS markup,
        CASE WHEN viewed.user_id IS NULL THEN {_MEMBER_REMAINING} END AS member_payments_remaining""",
    joins=f"""{_JOINS}
        LEFT JOIN billing_account_access viewed ON viewed.billing_account_id = a.id AND viewed.user_id = :viewer""",
)

_LINE = {
    "id": "l.id",
    "amount": "l.amount",
    "date": "l.date",
    "external_id": "l.external_id",
    "external_type": "l.external_type",
    "external_name": "l.external_name",
    "challenge_id": "CASE l.external_type WHEN 'CHALLENGE' THEN l.external_id END",
}
_JSON_LINE = {
    "id": json_rows.word("l.id"),
    "amount": json_rows.amount("l.amount"),
    "date": json_rows.time("l.date"),
    "external_id": json_rows.value("l.external_id"),
    "external_type": json_rows.word("l.external_type"),
    "external_name": json_rows.value("l.external_name"),
    "challenge_id": f"CASE l.external_type WHEN 'CHALLENGE' THEN {json_rows.value('l.external_id')} ELSE 'null' END",
}
_COPILOT_JSON_LINE = {**_JSON_LINE, "member_payment_amount": json_rows.amount(_MEMBER_AMOUNT)}


def _line_columns(line: dict[str, str]) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in line.items())


ENTRIES = ListQuery(
    columns=_line_columns({**_LINE, "kind": "l.kind"}),
    source="budget_lines l",
    key="l.id",
    joins="""
        JOIN budget_lines l ON l.id = page.key AND l.billing_account_id = :account_id
        JOIN billing_accounts a ON a.id = l.billing_account_id
    """,
    filters={
        "account_id": "l.billing_account_id = :account_id",
        "kind": "l.kind = :kind",
        "external_type": "l.external_type = :external_type",
        "external_id": "l.external_id = :external_id",
    },
    sorts={
        "date": "l.date",
        "amount": "l.amount",
        "kind": "l.kind",
        "external_type": "l.external_type",
        "external_id": "l.external_id",
    },
    default_sort="date",
)
COPILOT_ENTRIES = replace(ENTRIES, columns=f"{ENTRIES.columns}, {_MEMBER_AMOUNT} AS member_payment_amount")

USERS = ListQuery(
    columns="g.user_id AS id, g.user_id, coalesce(g.user_handle, g.user_id) AS name, 'active' AS status, g.created_at",
    source="billing_account_access g",
    key="g.user_id",
    joins="JOIN billing_account_access g ON g.user_id = page.key AND g.billing_account_id = :account_id",
    filters={"account_id": "g.billing_account_id = :account_id"},
    sorts={"created_at": "g.created_at"},
    default_sort="created_at",
)

_ACCOUNT = """
    SELECT {columns} FROM billing_accounts a
    JOIN budgets b ON b.billing_account_id = a.id
    JOIN clients c ON c.id = a.client_id
    {lines}
    WHERE a.id = :account_id
"""


def _detail(columns: str, line: dict[str, str]) -> str:
    # One walk for both lists, in the order of an index: an account may have tens of thousands of lines. (With FILTER
    # they would be sorted once more.)
    locked, consumed = (
        json_rows.json_list(f"CASE kind WHEN '{kind}' THEN line END", order_by="date, id")
        for kind in ("locked", "consumed")
    )
    lines = f"""
        CROSS JOIN LATERAL (
            SELECT {locked} AS locked_amounts, {consumed} AS consumed_amounts FROM (
                SELECT l.kind, l.date, l.id, {json_rows.json_object(line)} AS line
                FROM budget_lines l WHERE l.billing_account_id = :account_id
            ) AS lines
        ) AS lists
    """
    return _ACCOUNT.format(columns=f"{columns}, locked_amounts, consumed_amounts", lines=lines)


ACCOUNT = Prepared(_ACCOUNT.format(columns=_FULL_COLUMNS, lines=""))
DETAIL = Prepared(_detail(_FULL_COLUMNS, _JSON_LINE))
COPILOT_DETAIL = Prepared(_detail(_COPILOT_COLUMNS, _COPILOT_JSON_LINE))
GRANTED_DETAIL = Prepared(f"{_detail(_FULL_COLUMNS, _JSON_LINE)} AND {_GRANTED.format(':granted_to')}")

IS_VISIBLE = Prepared(
    f"SELECT EXISTS (SELECT FROM billing_accounts a WHERE a.id = :account_id"
    f" AND (CAST(:granted_to AS text) IS NULL OR {_GRANTED.format(':granted_to')}))"
)
HAS_ACCESS = Prepared("""
    SELECT g.user_id IS NOT NULL
    FROM billing_accounts a LEFT JOIN billing_account_access g ON g.billing_account_id = a.id AND g.user_id = :user_id
    WHERE a.id = :account_id
""")
GRANT = text("""
    INSERT INTO billing_account_access AS g (billing_account_id, user_id, user_handle, created_at)
    VALUES (:account_id, :user_id, :user_handle, :now)
    ON CONFLICT (billing_account_id, user_id)
    DO UPDATE SET user_handle = coalesce(excluded.user_handle, g.user_handle)
    RETURNING user_id AS id, user_id, coalesce(user_handle, user_id) AS name, 'active' AS status, created_at
""")
REVOKE = text("""
    DELETE FROM billing_account_access WHERE billing_account_id = :account_id AND user_id = :user_id RETURNING true
""")
