import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import text

from app.db.base import db
from tests.caller import Amount, Caller, data

Export = Callable[..., Path]
CLIENT = {
    "client_id": "77",
    "name": "Acme",
    "status": "1",
    "customer_number": "C-77",
    "start_date": "2010-01-01 00:00:00",
}
PROJECT = {
    "project_id": "500",
    "name": "Old account",
    "active": "1",
    "client_id": "77",
    "budget": "1000.50",
    "sales_tax": "8.25",
    "po_box_number": "PO-1",
    "payment_terms_id": "30",
    "description": "From before",
    "subscription_number": "S-1",
    "is_manual_prize_setting": "1",
    "billable": "0",
    "start_date": "2010-01-01 00:00:00",
    "end_date": "2030-12-31 23:59:59",
    "creation_user": "132456",
}


def budget(challenge: str, locked: str, consumed: str, project: str = "500") -> dict[str, str]:
    return {
        "challenge_id": challenge,
        "project_id": project,
        "locked_amount": locked,
        "consumed_amount": consumed,
    }


def counts(result: Result, kind: str) -> list[int]:
    """Read, created, updated, unchanged, kept, repeated and rejected rows of a kind, from the table printed."""
    row = next(line for line in result.output.splitlines() if re.search(rf"time_oltp:{kind}\s*│", line))
    return [int(cell.replace(",", "")) for cell in row.split("│")[2:-1]]


def lines(admin: Caller, account_id: int = 500) -> dict[str, tuple[str, Amount]]:
    account = data(admin.get(f"/v6/billing-accounts/{account_id}"))
    return {
        line["externalId"]: (kind, line["amount"])
        for kind in ("locked", "consumed")
        for line in account[f"{kind}Amounts"]
    }


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Writes a file of lists: `export(client=[…], project=[…])`."""

    def write(name: str = "export.json", **lists: Any) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps({f"time_oltp:{key}": rows for key, rows in lists.items()}))
        return path

    return write


@pytest.fixture
def members(app: Flask, database_url: str) -> Iterator[None]:
    """A Members database with ann, Bob and ÉVA."""
    settings = app.config["SETTINGS"]
    app.config["SETTINGS"] = replace(settings, member_db_url=database_url.replace("+psycopg2", ""))
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text('CREATE TABLE member ("userId" bigint PRIMARY KEY, handle text, "handleLower" text)'))
        connection.execute(
            text("INSERT INTO member VALUES (40051399, 'ann', 'ann'), (22838965, 'Bob', 'bob'), (7, 'ÉVA', 'éva')")
        )
    yield
    app.config["SETTINGS"] = settings
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("DROP TABLE member"))
