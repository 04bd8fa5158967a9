"""The OpenAPI description of the fields in `app.web.fields`, where apispec cannot derive it from marshmallow's."""

from typing import Any

import marshmallow as ma

from app.web.fields import AmountOr, Moment, OneOf, QueryArguments, Several
from app.web.glossary import meaning


def register(converter: Any) -> None:
    """Make apispec's field converter describe the fields of the service."""
    converter.attribute_functions.remove(converter.field2default)
    for function in (
        _default_of_argument,
        _union,
        _several_in_body,
        _amount_or_word,
        _described_by_name,
        _time_or_date,
    ):
        converter.add_attribute_function(function)


def _default_of_argument(converter: Any, field: Any, **_: Any) -> dict[str, Any]:
    """The default of a query argument. In bodies it would make generated types require optional fields."""
    default: dict[str, Any] = converter.field2default(field) if isinstance(field.parent, QueryArguments) else {}
    return default


def _union(converter: Any, field: Any, **_: Any) -> dict[str, Any]:
    """The alternatives of a OneOf field."""
    if not isinstance(field, OneOf):
        return {}
    return {"anyOf": [converter.resolve_nested_schema(schema) for schema in field.schemas]}


def _several_in_body(_: Any, field: Any, ret: dict[str, Any], **__: Any) -> dict[str, Any]:
    """The forms of several values in JSON: an array, a comma list, or one value."""
    if not isinstance(field, Several) or isinstance(field.root, QueryArguments):
        return {}
    array = {name: ret.pop(name) for name in ("type", "items", "minItems", "maxItems") if name in ret}
    one = array["items"]
    forms = [array, {"type": "string", "description": "One value, or several separated by commas."}]
    return {"anyOf": forms if one.get("type") == "string" else [*forms, one]}


def _amount_or_word(_: Any, field: Any, ret: dict[str, Any], **__: Any) -> dict[str, Any]:
    """An amount, or the word that may stand in its place."""
    if not isinstance(field, AmountOr):
        return {}
    amount = {name: ret.pop(name) for name in ("type", "minimum", "maximum") if name in ret}
    return {"anyOf": [amount, {"type": "string", "enum": [field.word]}]}


def _described_by_name(_: Any, field: Any, ret: dict[str, Any], **__: Any) -> dict[str, Any]:
    """The description from the glossary, for a field without its own."""
    if "description" in ret or not isinstance(field.parent, ma.Schema):
        return {}
    found = meaning(type(field.parent).__name__, field.name)
    return {"description": found} if found else {}


def _time_or_date(_: Any, field: Any, ret: dict[str, Any], **__: Any) -> dict[str, Any]:
    """A field that also accepts a date is not limited to the format of a timestamp."""
    if not (isinstance(field, Moment) and field.dates):
        return {}
    ret.pop("format", None)
    instant = "its last millisecond" if field.whole_day else "its first millisecond"
    if field.next_day:
        instant = "the first millisecond after it"
    meaning = f"An ISO 8601 timestamp, or a date, which is read as {instant} in UTC."
    return {"description": " ".join(filter(None, (ret.get("description"), meaning)))}
