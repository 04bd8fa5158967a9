"""Path values: read once, strictly. What does not fit is reported by `Resource`, after the caller was admitted."""

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
    """A path value that cannot be what the path calls for."""

    problem: str


class IntegerConverter(BaseConverter):
    """A positive integer that fits an identity column of 4 bytes."""

    most = MAX_INTEGER

    def to_python(self, value: str) -> int | Malformed:
        """The integer, or what is wrong with it."""
        if not _DIGITS.fullmatch(value) or not 1 <= int(value) <= self.most:
            return Malformed(f"Not a whole number from 1 to {self.most}.")
        return int(value)


class BigIntegerConverter(IntegerConverter):
    """A positive integer that fits an identity column of 8 bytes, and a double."""

    most = MAX_ID


class TextConverter(BaseConverter):
    """An identifier kept as text."""

    def to_python(self, value: str) -> str | Malformed:
        """The text without white space around it, or what is wrong with it."""
        value = _as_sent(value).strip()
        if not value:
            return Malformed("Must not be blank.")
        if len(value) > MAX_TEXT:
            return Malformed(f"Must not be longer than {MAX_TEXT} characters.")
        if holds_invisible(value):
            return Malformed("Holds a control or zero-width character, or one that does not decode.")
        return value


class UuidConverter(BaseConverter):
    """A UUID in its usual spelling."""

    def to_python(self, value: str) -> str | Malformed:
        """The UUID as text, or what is wrong with it."""
        value = _as_sent(value).strip()
        return value.lower() if UUID_TEXT.fullmatch(value) else Malformed("Not a valid UUID.")


def _as_sent(value: str) -> str:
    return value.replace(ENCODED_SLASH, "/")


def init_app(app: Flask) -> None:
    """Make the converters known to the app's routes.

    They are `int_id`, `bigint_id`, `text_id` and `uuid`; a `text_id` may hold slashes.
    """
    app.url_map.converters.update(
        int_id=IntegerConverter, bigint_id=BigIntegerConverter, text_id=TextConverter, uuid=UuidConverter
    )
    app.wsgi_app = EncodedSlashes(app.wsgi_app)  # type: ignore[method-assign]
