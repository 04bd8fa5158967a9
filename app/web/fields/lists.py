"""Fields for several values."""

from collections.abc import Mapping
from typing import Any

import marshmallow as ma

from app.web.fields.base import QueryArguments
from app.web.fields.numbers import Integer


class Items(ma.fields.List[Any]):
    """A list of `least` to `most` items. The length is checked before the items are validated."""

    def __init__(
        self, item: ma.fields.Field[Any], *, most: int, least: int = 0, error: str | None = None, **kwargs: Any
    ) -> None:
        self._length = ma.validate.Length(min=least, max=most, error=error)
        super().__init__(item, validate=self._length, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[Any]:
        if isinstance(value, list):
            self._length(value)
        return super()._deserialize(value, attr, data, **kwargs)


class Several(Items):
    """One or more values: repeated and comma-separated in a query string; in JSON an array, a comma list or one value.

    Values of an array are validated as JSON, those of a comma list as in a query string. Duplicates count once. At
    most `most` values are accepted.
    """

    def __init__(self, item: ma.fields.Field[Any], *, most: int = 1000, **kwargs: Any) -> None:
        super().__init__(item, least=1, most=most, error="Must contain {min} to {max} values.", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[Any]:
        return list(dict.fromkeys(super()._deserialize(self._values(value), attr, data, **kwargs)))

    def _values(self, value: Any) -> list[Any]:
        if isinstance(self.root, QueryArguments):
            return [part.strip() for each in value for part in each.split(",")]
        if isinstance(value, str):
            return [self._from_text(part.strip()) for part in value.split(",")]
        return value if isinstance(value, list) else [value]

    def _from_text(self, text: str) -> Any:
        return self.inner.from_text(text) if isinstance(self.inner, Integer) else text
