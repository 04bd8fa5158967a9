"""A statement of credits on paper: both ends of the period, what changed by type, and every transaction."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.web import paper
from app.web.paper_tables import Column, Pages

_BALANCE = (Column("", 65), Column("Credits", 48, "R"))
_TYPES = (Column("Type", 65), Column("Transactions", 48, "R"), Column("Credits", 48, "R"))
_TRANSACTIONS = (
    Column("No.", 20, "R"),
    Column("Time (UTC)", 34),
    Column("Type", 28),
    Column("For", 115),
    Column("Credits", 30, "R"),
    Column("Balance", 30, "R"),
)


def render(statement: Mapping[str, Any]) -> bytes:
    """The statement as a PDF; the same bytes for the same content."""
    rows = statement["transactions"]
    name = f"{statement['name']} ({statement['id']})"
    document = paper.document(
        f"Statement of account {statement['id']}", statement["until"], (name, *map(_what, rows)), "landscape"
    )
    page = Pages(document, f"Account {statement['id']}")
    page.add()
    period = f"{_time(statement['since'])} to {_time(statement['until'])} UTC, the end excluded"
    page.heading("Statement of credits", (("Account", name), ("Period", period)))
    ends = (("Opening balance", statement["opening"]), ("Closing balance", statement["closing"]))
    page.table(_BALANCE, ((title, f"{end['credits']:,}") for title, end in ends), "Balance")
    sums = ((each["transaction_type"], f"{each['count']:,}", f"{each['total']:+,}") for each in statement["by_type"])
    page.table(_TYPES, sums, "Changes by type")
    page.table(_TRANSACTIONS, map(_transaction, rows), "Transactions")
    return bytes(document.output())


def _transaction(row: Mapping[str, Any]) -> tuple[str, ...]:
    number = "" if row["id"] is None else str(row["id"])
    place = number, _time(row["created_at"]), str(row["transaction_type"])
    return *place, _what(row), f"{row['amount']:+,}", f"{row['balance_after']:,}"


def _what(row: Mapping[str, Any]) -> str:
    return ": ".join(text for text in (row["operation_type"], row["description"]) if text)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
