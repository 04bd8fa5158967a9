"""Fields for strings: free text, identifiers, and words of a fixed set."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import marshmallow as ma

from app.identifiers import holds_invisible
from app.web.change_reason import MAX_REASON
from app.web.fields.base import described

# The most words of a choice that its error names.
MOST_LISTED = 12
UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


class Text(ma.fields.String):
    """A string of at most `longest` characters; `blank=False` also refuses whitespace only.

    With `optional`, the empty string means not set, and `null` is read as the empty string.
    """

    def __init__(self, *, longest: int = 255, blank: bool = True, optional: bool = False, **kwargs: Any) -> None:
        kwargs = {**kwargs, "allow_none": True} if optional else kwargs
        super().__init__(**described(kwargs, maxLength=longest, **({} if blank else {"minLength": 1})))
        self.optional = optional
        self.longest = longest
        self.blank = blank

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """The string; a value that is not set needs no validation."""
        return "" if self.optional and (value is None or value == "") else super().deserialize(value, *args, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if "\x00" in value:
            raise ma.ValidationError("Must not contain a NUL character.")
        if len(value) > self.longest:
            raise ma.ValidationError(f"Must not be longer than {self.longest} characters.")
        if not self.blank and not value.strip():
            raise ma.ValidationError("Must not be blank.")
        return value


class Why(Text):
    """A required reason that people read, kept in the audit trail."""

    def __init__(self, description: str) -> None:
        super().__init__(longest=MAX_REASON, blank=False, required=True, metadata={"description": description})


class Identifier(Text):
    """A string that identifies something. It is trimmed; control and zero-width characters are refused.

    With `numbers`, a JSON integer is accepted and converted to a string.
    """

    def __init__(self, *, numbers: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.numbers = numbers

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if self.numbers and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        text = super()._deserialize(value.strip() if isinstance(value, str) else value, attr, data, **kwargs)
        if holds_invisible(text):
            raise ma.ValidationError("Must not contain control or zero-width characters.")
        return text


class Choice(ma.fields.String):
    """One of the words of an enumeration."""

    def __init__(self, choices: type[StrEnum] | tuple[str, ...], **kwargs: Any) -> None:
        words = [str(choice) for choice in choices]
        # A message is for people: it does not list everything.
        error = None if len(words) <= MOST_LISTED else "Must be one of the values that the API reference lists."
        one_of = ma.validate.OneOf(words, error=error)
        default = kwargs.get("load_default")
        description = {} if default is None else {"description": f"Defaults to {default}."}
        # A value of another type is reported as not one of the words.
        invalid = one_of.error.format(choices=one_of.choices_text)
        super().__init__(validate=one_of, error_messages={"invalid": invalid}, **described(kwargs, **description))


class Uuid(ma.fields.UUID):
    """A UUID in its canonical form, as a lower-case string."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        text = value.strip() if isinstance(value, str) else ""
        if not UUID_TEXT.fullmatch(text):
            raise self.make_error("invalid_uuid")
        return text.lower()
