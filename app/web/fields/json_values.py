"""Fields for arbitrary JSON, and for one of several schemas."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import marshmallow as ma
import orjson

from app.web.json import as_sent

_MAX_EXPONENT = 307


class JsonObject(ma.fields.Dict):
    """An arbitrary object, stored as JSON text with the digits that were sent.

    Refuses what a jsonb column cannot store: NUL characters, and numbers with an exponent beyond that of a double.
    """

    longest = 10_000

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ma.ValidationError("Must be an object.")
        text = as_sent(value).decode()
        if len(text) > self.longest:
            raise ma.ValidationError(f"Must not be longer than {self.longest} characters.")
        _require_storable(value)
        return text

    @staticmethod
    def convert(text: str) -> orjson.Fragment:
        """The text as JSON."""
        return orjson.Fragment(text)


def _require_storable(value: Any) -> None:
    if isinstance(value, dict | list):
        # The names, if it is an object.
        for each in value:
            _require_storable(each)
        for each in value.values() if isinstance(value, dict) else ():
            _require_storable(each)
    elif isinstance(value, str) and "\x00" in value:
        raise ma.ValidationError("Must not contain a NUL character.")
    elif isinstance(value, Decimal) and abs(value.adjusted()) > _MAX_EXPONENT:
        raise ma.ValidationError("Contains a number that is out of range.")


class OneOf(ma.fields.Field[Any]):
    """A value of one of several schemas, for the document."""

    def __init__(self, *schemas: type[ma.Schema], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.schemas = schemas
