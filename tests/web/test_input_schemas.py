"""Of every text a caller sends it is decided whether it identifies something."""

from collections.abc import Iterator
from typing import Any

import marshmallow as ma
from flask import Flask

from app.web import fields
from tests.routes import calls

# Names, sentences and addresses are kept as they are typed; parts of a name are searched for as they are.
FREE = {
    "code_name in ClientQuery",
    "name",
    "description",
    "external_name",
    "payment_terms",
    "subcontracting_end_customer",
    "reason",
    "po_number",
    "billing_address_line1",
    "billing_address_line2",
    "billing_city",
    "billing_state",
    "billing_postal_code",
    "billing_country",
    "billing_country_code",
    # Compared with what it is, never kept.
    "slug",
}


def request_schemas(app: Flask) -> Iterator[ma.Schema]:
    """The schemas that every operation reads its input by, and those inside them."""
    for rule, method in calls(app):
        view: Any = getattr(getattr(app.view_functions[rule.endpoint], "view_class", None), method.lower(), None)
        documented = getattr(view, "_apidoc", {})
        for parameter in documented.get("arguments", {}).get("parameters", ()):
            yield from with_inner(parameter["schema"])
        body = documented.get("manual_doc", {}).get("requestBody", {}).get("content", {}).get("application/json", {})
        item = body.get("schema", {}).get("items")
        if item is not None:
            yield from with_inner(item())


def with_inner(schema: ma.Schema) -> Iterator[ma.Schema]:
    yield schema
    for field in schema.load_fields.values():
        inner = getattr(field, "inner", field)
        if isinstance(inner, ma.fields.Nested):
            yield from with_inner(inner.schema)


class TestTexts:
    def test_each_is_an_identifier_or_known_to_be_free(self, app: Flask) -> None:
        undecided, identifiers = set(), set()
        for schema in request_schemas(app):
            for name, field in schema.load_fields.items():
                inner = getattr(field, "inner", field)
                if isinstance(inner, fields.Identifier):
                    identifiers.add(name)
                elif isinstance(inner, fields.Text) and not {name, f"{name} in {type(schema).__name__}"} & FREE:
                    undecided.add(f"{name} in {type(schema).__name__}")
                assert type(inner) is not ma.fields.String, name
        assert undecided == set()
        assert {"external_id", "challenge_id", "user_id", "user_handle", "client_id", "key"} <= identifiers


class TestTimes:
    def test_each_start_and_end_takes_a_date(self, app: Flask) -> None:
        ends = {}
        for schema in request_schemas(app):
            for name, field in schema.load_fields.items():
                if isinstance(field, fields.Moment) and name != "created_at":
                    assert field.dates, name
                    ends[name] = field.whole_day
        assert ends["start_date"] is False
        assert ends["end_date"] is True
        assert all(whole is name.endswith("_to") for name, whole in ends.items() if name.endswith(("_from", "_to")))
