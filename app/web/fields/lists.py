"""Fields of several values."""

from collections.abc import Mapping
from typing import Any

import marshmallow as ma

from app.web.fields.base import QueryArguments, described
from app.web.fields.numbers import Integer


class Several(ma.fields.List[Any]):
    """One or more values: repeated and comma-separated in a query string; in JSON an array, a comma list or one value.

    Values of an array are taken as they are; those of a comma list as a query string would have them. A value that is
    given twice counts once. At most `most` values are taken.
    """

    def __init__(self, item: ma.fields.Field[Any], *, most: int = 1000, **kwargs: Any) -> None:
        self.most = most
        super().__init__(item, **described(kwargs, minItems=1, maxItems=most))

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[Any]:
        given = self._values(value)
        if not 1 <= len(given) <= self.most:
            raise ma.ValidationError(f"Must hold from 1 to {self.most} values.")
        return list(dict.fromkeys(super()._deserialize(given, attr, data, **kwargs)))

    def _values(self, value: Any) -> list[Any]:
        if isinstance(self.root, QueryArguments):
            return [part.strip() for each in value for part in each.split(",")]
        if isinstance(value, str):
            return [self._from_text(part.strip()) for part in value.split(",")]
        return value if isinstance(value, list) else [value]

    def _from_text(self, text: str) -> Any:
        return self.inner.from_text(text) if isinstance(self.inner, Integer) else text


class Items(ma.fields.List[Any]):
    """A list of `least` to `most` items. One of another length is refused before its items are looked at."""

    def __init__(self, item: ma.fields.Field[Any], *, most: int, least: int = 0, **kwargs: Any) -> None:
        self.length = ma.validate.Length(min=least, max=most)
        super().__init__(item, validate=self.length, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[Any]:
        if isinstance(value, list):
            self.length(value)
        return super()._deserialize(value, attr, data, **kwargs)
