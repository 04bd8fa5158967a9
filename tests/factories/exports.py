"""Exports as their readers take them apart."""

import csv
import json
from io import StringIO
from typing import Any

import orjson
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from tests.caller import Caller


def text_of(answer: TestResponse, mimetype: str = "text/csv") -> str:
    """The body of an export; fails the test for any other answer."""
    assert answer.status_code == 200, answer.get_data()
    assert answer.mimetype == mimetype
    return answer.get_data().decode()


def table(text: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a whole CSV file; fails the test for one that was cut off."""
    assert text.endswith("\r\n")
    header, *rows, end = csv.reader(StringIO(text, newline=""))
    assert end == ["#end", str(len(rows))]
    return header, rows


def csv_of(caller: Caller, path: str, **headers: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a list as CSV."""
    return table(text_of(caller.get(with_query(path, format="csv"), **headers)))


def records(caller: Caller, path: str) -> list[dict[str, str]]:
    """The rows of a list as CSV, each by the names of its columns."""
    header, rows = csv_of(caller, path)
    return [dict(zip(header, row, strict=True)) for row in rows]


def lines(caller: Caller, path: str) -> list[Any]:
    """The rows of a list as NDJSON; numbers are the digits that were sent."""
    text = text_of(caller.get(with_query(path, format="ndjson")), "application/x-ndjson")
    assert text.endswith("\n")
    *rows, end = map(exact, text.splitlines())
    assert end == {"end": True, "count": str(len(rows))}
    return rows


class Digits(str):
    """A number as it was written."""

    __slots__ = ()


def exact(text: str | bytes) -> Any:
    """JSON whose numbers are the digits that were sent."""
    return json.loads(text, parse_float=Digits, parse_int=Digits)


def with_query(path: str, **arguments: Any) -> str:
    query = "&".join(f"{name}={value}" for name, value in arguments.items())
    return f"{path}{'&' if '?' in path else '?'}{query}"


def as_cells(row: Any, header: list[str]) -> list[str]:
    """A row of a page, read by `exact`, as the cells that an export has for it."""
    return [_cell(_at(row, name.split("."))) for name in header]


def _at(value: Any, path: list[str]) -> Any:
    for name in path:
        value = None if value is None else value.get(name)
    return value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict):
        return orjson.dumps(value, _as_number, orjson.OPT_PASSTHROUGH_SUBCLASS).decode()
    # What looks like a formula here are negative numbers; text of that kind has tests of its own.
    assert isinstance(value, str)
    return value


def _as_number(value: Any) -> orjson.Fragment:
    assert isinstance(value, Digits)
    return orjson.Fragment(str(value))


def make_clients(engine: Engine, number: int) -> None:
    """Make so many clients by SQL unless they are there, named `Client 1` and so on, the first one the newest."""
    statement = text(
        "INSERT INTO clients (id, name, status, created_at, updated_at) "
        "SELECT 'client-' || n, 'Client ' || n, 'ACTIVE', moment, moment FROM generate_series(1, :number) "
        "AS n CROSS JOIN LATERAL (SELECT timestamptz '2026-01-01Z' - n * interval '1 s' AS moment) AS at "
        "ON CONFLICT DO NOTHING"
    )
    with engine.begin() as connection:
        connection.execute(statement, {"number": number})


def remove_clients(engine: Engine) -> None:
    """Remove the clients that were made by SQL.

    For each one PostgreSQL looks for its billing accounts. While it believes that there are next to none, it reads
    their table from end to end, whatever the tests before have left there to be vacuumed.
    """
    with engine.begin() as connection:
        connection.execute(text("SET enable_seqscan = off"))
        connection.execute(text("DELETE FROM clients WHERE id LIKE 'client-%'"))


def open_transactions(engine: Engine) -> int:
    """How many transactions the service has open on the database of `engine`."""
    statement = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'billing-service' AND xact_start IS NOT NULL"
    )
    with engine.connect() as connection:
        return int(connection.execute(statement).scalar_one())


def end_transactions(engine: Engine) -> None:
    """End the server processes of the service's open transactions."""
    statement = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'billing-service' AND xact_start IS NOT NULL"
    )
    with engine.begin() as connection:
        connection.execute(statement)
