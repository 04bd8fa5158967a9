"""A statement of a budget on paper: both ends of the period, what changed by kind, and every movement."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app.web import paper
from app.web.paper_tables import Column, Pages

_SIDES = ("Budget", "Locked", "Consumed", "Remaining")
_SIDE_FIELDS = ("budget", "locked_budget", "consumed_budget", "total_budget_remaining")
_DELTA_FIELDS = ("budgetDelta", "lockedDelta", "consumedDelta")


_BALANCE = (Column("", 65), *(Column(side, 48, "R") for side in _SIDES))
_KINDS = (
    Column("Kind", 65),
    Column("Movements", 48, "R"),
    *(Column(name, 48, "R") for name in ("Budget", "Locked", "Consumed")),
)
_MOVEMENTS = (
    Column("No.", 16, "R"),
    Column("Time (UTC)", 34),
    Column("Kind", 28),
    Column("For", 67),
    Column("Budget", 28, "R"),
    Column("Locked", 28, "R"),
    Column("Consumed", 28, "R"),
    Column("Remaining", 28, "R"),
)


def render(statement: Mapping[str, Any]) -> bytes:
    """The statement as a PDF; the same bytes for the same content.

    `statement` has `id`, `name` and `client_name` of the account, both ends, and the JSON text of movements and sums.
    """
    movements, kinds = (json.loads(statement[name], parse_float=Decimal) for name in ("movements", "by_kind"))
    texts = (statement["name"], statement["client_name"], *map(_reference, movements))
    title = f"Statement of billing account {statement['id']}"
    document = paper.document(title, statement["until"], texts, "landscape")
    page = Pages(document, f"Billing account {statement['id']}")
    page.add()
    period = f"{_time(statement['since'])} to {_time(statement['until'])} UTC, the end excluded"
    account = f"{statement['name']} ({statement['id']})"
    page.heading(
        "Statement of account", (("Account", account), ("Client", statement["client_name"]), ("Period", period))
    )
    _balances(page, statement)
    page.table(_KINDS, map(_kind, kinds), "Changes by kind")
    page.table(_MOVEMENTS, map(_movement, movements), "Movements")
    return bytes(document.output())


def _balances(page: Pages, statement: Mapping[str, Any]) -> None:
    ends = (("Opening balance", statement["opening"]), ("Closing balance", statement["closing"]))
    rows = ((name, *(_amount(end[field]) for field in _SIDE_FIELDS)) for name, end in ends)
    page.table(_BALANCE, rows, "Balance")


def _kind(sums: Mapping[str, Any]) -> tuple[str, ...]:
    return _words(sums["kind"]), f"{sums['count']:,}", *_deltas(sums)


def _movement(movement: Mapping[str, Any]) -> tuple[str, ...]:
    remaining = movement["budgetAfter"] - movement["lockedAfter"] - movement["consumedAfter"]
    # None has an expiry that is not posted yet.
    place = str(movement["position"] or ""), _time(movement["at"]), _words(movement["kind"])
    return (*place, _reference(movement), *_deltas(movement), _amount(remaining))


def _reference(movement: Mapping[str, Any]) -> str:
    """What the amount is for, or why the budget was changed."""
    if movement["externalId"] is None:
        return movement["reason"] or ""
    return movement["externalName"] or f"{_words(movement['externalType'])} {movement['externalId']}"


def _deltas(changes: Mapping[str, Any]) -> tuple[str, ...]:
    """The changes, signed; nothing for those of zero."""
    return tuple(_amount(changes[name], "+") if changes[name] else "" for name in _DELTA_FIELDS)


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _time(moment: datetime | str) -> str:
    """A time, or its JSON, to the second."""
    text = moment.astimezone(UTC).isoformat() if isinstance(moment, datetime) else moment
    return text[:19].replace("T", " ")


def _amount(amount: Decimal | int, sign: str = "") -> str:
    """With 2 decimals, or as many as it has."""
    decimals = max(2, -int(Decimal(amount).normalize().as_tuple().exponent))
    return f"{amount:{sign},.{decimals}f}"
