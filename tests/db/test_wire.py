"""Decimals, moments and UUIDs that go from PostgreSQL to JSON as text."""

from typing import Any

import pytest
from flask import Flask

from app.db.base import db
from app.db.fast.prepared import Prepared
from app.web.json import to_json

VALUES = (
    *(f"CAST({number} AS numeric)" for number in ("0", "100", "12.50", "0.0001", "-7.1000", "1E20", "-0.0", "NULL")),
    *("'2026-01-31T23:59:59Z'::timestamptz", "'2026-01-31T23:59:59.5Z'::timestamptz", "NULL::timestamptz"),
    *("'2026-01-31T23:59:59.070Z'::timestamptz", "'0001-01-01T00:00:00.999999Z'::timestamptz"),
    *("'6A1E7C1E-0000-7000-8000-0000000000AB'::uuid", "NULL::uuid"),
    *("'text'", "1", "true", "'2026-01-31'::date"),
)


@pytest.mark.parametrize("value", VALUES)
def test_they_are_what_they_would_be_as_objects(app: Flask, value: str) -> None:
    statement = Prepared(f"SELECT {value} AS shown")

    def shown(read: Prepared[*tuple[Any, ...]]) -> list[bytes]:
        # As text, and prepared.
        return [to_json(db.session.execute(read).scalar_one()) for _ in range(3)]

    with app.app_context():
        assert shown(statement.shown()) == shown(statement)


def test_a_moment_of_another_zone_is_refused(app: Flask) -> None:
    with app.app_context():
        db.session.connection().exec_driver_sql("SET LOCAL timezone TO 'Asia/Tokyo'")
        with pytest.raises(ValueError, match="Not a moment in UTC"):
            db.session.execute(Prepared("SELECT now()").shown())
