"""What every statement that changes a budget appends to its journal, and how each movement is chained to the last.

The row lock of the budget orders its movements: `movements` counts them, so a position is the count of the statement's
own UPDATE, `moved_at` keeps the time of the last, below which no later one may fall, and `head` its hash. A
statement that changes each budget once has the CTEs of `post`; one that changes them several times has
those of `post_numbered`, and one that makes them is `open_from`.
"""

from collections.abc import Mapping

from app.audit.cause import CAUSE
from app.audit.chains import Chain

# The columns of a movement that its hash covers, in this order, and their types.
CONTENT = {
    "billing_account_id": "integer",
    "position": "integer",
    "at": "timestamptz",
    "kind": "text",
    "entry_id": "uuid",
    "external_type": "text",
    "external_id": "text",
    "external_name": "text",
    "budget_delta": "numeric",
    "locked_delta": "numeric",
    "consumed_delta": "numeric",
    "budget_after": "numeric",
    "locked_after": "numeric",
    "consumed_after": "numeric",
    **CAUSE,
}
COLUMNS = ", ".join((*CONTENT, "hash"))
CHAIN = Chain(
    "movements of billing account",
    "budget_movements",
    "budgets",
    ("billing_account_id",),
    f"movement_content({', '.join(CONTENT)})",
    "movements",
)
# What callers see of movements just written.
SHOWN = ", ".join((*(name for name in CONTENT if name not in CAUSE), ":actor_name AS actor", "reason", "request_id"))
_FIELDS = ("kind", "entry_id", "external_type", "external_id", "external_name")
# Of each delta, the total it changes.
_TOTALS = {"budget": "amount", "locked": "locked", "consumed": "consumed"}


def post(source: str | None, where: str, *, at: str = ":now", also: str = "", **change: str) -> str:
    """The CTEs `moved` and `movement`: they move the budgets that `where` admits and append a movement to each.

    `change` has the kind, the reference and the deltas as SQL; the names of columns of `budgets` need its name in them.
    `source` is what the UPDATE reads from, `also` what else it sets. The columns of `moved` are those of the movement.
    """
    moved_at = f"greatest(budgets.moved_at, CAST({at} AS timestamptz))"
    values = {
        **change,
        "billing_account_id": "budgets.billing_account_id",
        "position": "budgets.movements + 1",
        "at": moved_at,
        **{
            f"{name}_after": f"budgets.{column} + {change.get(f'{name}_delta', '0')}"
            for name, column in _TOTALS.items()
        },
    }
    sets = [f"{column} = {values[f'{name}_after']}" for name, column in _TOTALS.items() if f"{name}_delta" in change]
    returned = (
        "budgets.billing_account_id, budgets.movements AS position, budgets.moved_at AS at",
        *(f"CAST({change.get(name, 'NULL')} AS {CONTENT[name]}) AS {name}" for name in _FIELDS),
        *(f"budgets.{column} - old.{column} AS {name}_delta" for name, column in _TOTALS.items()),
        *(f"budgets.{column} AS {name}_after" for name, column in _TOTALS.items()),
        *(f"CAST(:{name} AS {kind}) AS {name}" for name, kind in CAUSE.items()),
        "budgets.head AS hash",
    )
    return f"""
        moved AS (
            UPDATE budgets SET {", ".join(sets)}, movements = budgets.movements + 1, moved_at = {moved_at},
                head = {_hash("budgets.head", values)} {also}
            {f"FROM {source}" if source else ""} WHERE {where}
            RETURNING {", ".join(returned)}
        ), movement AS (
            INSERT INTO budget_movements ({COLUMNS}) SELECT {COLUMNS} FROM moved
        )
    """


def open_from(source: str, account_id: str, amount: str, *, also: str = "") -> str:
    """The statement that opens a budget at `:now` for each row of `source`, unless there is one.

    `account_id`, `amount` and the optional column `also`, which is set to true, are SQL.
    """
    return f"""
        WITH opened AS (
            INSERT INTO budgets (billing_account_id, amount, movements, moved_at, head {also and f", {also}"})
            SELECT {account_id}, {amount}, 1, :now, {_hash("NULL", _opening(account_id, amount))} {also and ", true"}
            {source}
            ON CONFLICT (billing_account_id) DO NOTHING
            RETURNING billing_account_id, amount, head
        )
        INSERT INTO budget_movements ({COLUMNS})
        SELECT {", ".join(_with_defaults(_opening("billing_account_id", "amount")))}, head FROM opened
    """


def _opening(account_id: str, amount: str) -> dict[str, str]:
    return {
        "billing_account_id": account_id,
        "position": "1",
        "at": ":now",
        "kind": "'opened'",
        "budget_delta": amount,
        "budget_after": amount,
        "locked_after": "0",
        "consumed_after": "0",
    }


def _hash(head: str, values: Mapping[str, str]) -> str:
    """The hash of a movement after one with the hash `head`."""
    return f"chain({head}, movement_content({', '.join(_with_defaults(values))}))"


def _with_defaults(values: Mapping[str, str]) -> list[str]:
    """The content of a movement as SQL; what has no value is NULL, a delta 0."""
    defaults = {name: f":{name}" if name in CAUSE else "0" if name.endswith("_delta") else "NULL" for name in CONTENT}
    return [f"CAST({values.get(name, default)} AS {CONTENT[name]})" for name, default in defaults.items()]


_NUMBERED = _with_defaults({name: name for name in CONTENT if name not in {"budget_delta", *CAUSE}})


def post_numbered(*, also: str = "", joined: str = "", where: str = "true") -> str:
    """The CTEs `movement` and `moved` of a statement whose CTE `numbered` has movements of locked budgets.

    Each has the `head` of its budget and all columns but `budget_delta`, which is 0, and the cause. `also` is what else
    the UPDATE of the budgets sets, from what is `joined` to the `last` movement of each, and `where` names the account
    if there is but one.
    """
    return f"""
        movement AS (
            INSERT INTO budget_movements ({COLUMNS})
            SELECT {", ".join(_NUMBERED)}, chain_all(head, movement_content({", ".join(_NUMBERED)})) OVER (
                PARTITION BY billing_account_id ORDER BY position ROWS UNBOUNDED PRECEDING
            ) FROM numbered
            RETURNING *
        ), moved AS (
            UPDATE budgets SET locked = last.locked_after, consumed = last.consumed_after, movements = last.position,
                moved_at = last.at, head = last.hash {also}
            FROM (
                SELECT DISTINCT ON (billing_account_id) * FROM movement ORDER BY billing_account_id, position DESC
            ) AS last {joined}
            WHERE budgets.billing_account_id = last.billing_account_id AND {where}
        )
    """
