"""JSON built by PostgreSQL is what the service itself would write."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from flask import Flask
from sqlalchemy import DateTime, Numeric, Text, bindparam, cast, literal, null, select

from app.db import json_rows
from app.db.base import db
from app.web.json import format_time


def built(app: Flask, members: dict[str, json_rows.Json], **values: Any) -> Any:
    with app.app_context():
        return orjson.loads(
            db.session.execute(select(json_rows.text(json_rows.json_object(members))), values).scalar_one(),
        )


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(2025, 2, 28, 9, 5, 7, tzinfo=UTC),
        datetime(2025, 2, 28, 9, 5, 7, 120_999, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
def test_json_rows_write_times_as_responses_do(app: Flask, moment: datetime) -> None:
    found = built(
        app, {"start_date": json_rows.time(bindparam("moment", type_=DateTime(timezone=True)))}, moment=moment
    )
    assert found == {"startDate": format_time(moment)}


def test_json_rows_write_texts_and_numbers_as_responses_do(app: Flask) -> None:
    name = "a \"quoted\" \\ ' || ' \n łódź"
    members = {
        "name": json_rows.value(cast(bindparam("name"), Text)),
        "code_name": json_rows.value(cast(null(), Text)),
        "status": json_rows.word(literal("ACTIVE")),
        "budget": json_rows.amount(cast(bindparam("amount"), Numeric)),
        "end_date": json_rows.or_null(json_rows.time(cast(null(), DateTime(timezone=True)))),
    }
    found = built(app, members, name=name, amount=Decimal("12.5000"))
    assert found == {"name": name, "codeName": None, "status": "ACTIVE", "budget": 12.5, "endDate": None}
