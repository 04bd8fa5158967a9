"""Strict path values. `Resource` reports malformed ones, after the caller is authorized."""

import re
from dataclasses import dataclass

from flask import Flask
from werkzeug.routing import BaseConverter

from app.db.base import MAX_ID
from app.identifiers import holds_invisible
from app.web.encoded_slashes import ENCODED_SLASH, EncodedSlashes
from app.web.fields import MAX_INTEGER, UUID_TEXT

MAX_TEXT = 255

_DIGITS = re.compile(r"[0-9]{1,16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Malformed:
    """A path value that is not valid for its route."""

    problem: str


class IntegerConverter(BaseConverter):
    """A positive integer that fits an identity column of 4 bytes."""

    most = MAX_INTEGER

    def to_python(self, value: str) -> int | Malformed:
        """The integer, or Malformed."""
        if not _DIGITS.fullmatch(value) or not 1 <= int(value) <= self.most:
            return Malformed(f"Must be an integer between 1 and {self.most}.")
        return int(value)


class BigIntegerConverter(IntegerConverter):
    """A positive integer that fits an identity column of 8 bytes, and a double."""

    most = MAX_ID


class TextConverter(BaseConverter):
    """A string identifier."""

    def to_python(self, value: str) -> str | Malformed:
        """The trimmed string, or Malformed."""
        value = _as_sent(value).strip()
        if not value:
            return Malformed("Must not be blank.")
        if len(value) > MAX_TEXT:
            return Malformed(f"Must not be longer than {MAX_TEXT} characters.")
        if holds_invisible(value):
            return Malformed("Must not contain control, zero-width or undecodable characters.")
        return value


class UuidConverter(BaseConverter):
    """A UUID in its canonical form."""

    def to_python(self, value: str) -> str | Malformed:
        """The UUID as a lower-case string, or Malformed."""
        value = _as_sent(value).strip()
        return value.lower() if UUID_TEXT.fullmatch(value) else Malformed("Not a valid UUID.")


def _as_sent(value: str) -> str:
    return value.replace(ENCODED_SLASH, "/")


def init_app(app: Flask) -> None:
    """Register the converters `int_id`, `bigint_id`, `text_id` and `uuid`; a `text_id` may contain encoded slashes."""
    app.url_map.converters.update(
        int_id=IntegerConverter, bigint_id=BigIntegerConverter, text_id=TextConverter, uuid=UuidConverter
    )
    app.wsgi_app = EncodedSlashes(app.wsgi_app)  # type: ignore[method-assign]
