"""Rejected rows in their original form, written as valid JSON whatever they contain."""

import base64
import json

# Rows begin with a brace, bracket, quote, digit, sign or letter, never with this.
_ENCODED = "base64:"


def as_text(raw: str) -> str:
    """The text of a row in a form that the database accepts; other bytes are encoded."""
    if raw.isascii():
        is_storable = "\x00" not in raw
    else:
        try:
            is_storable = "\x00" not in raw and bool(raw.encode())
        except UnicodeEncodeError:
            is_storable = False
    return raw if is_storable else _ENCODED + _encoded(raw)


def as_line(kind: str, reason: str, text: str) -> str:
    """A line of JSON for a row: its text as `row` if it is JSON, else its bytes as `raw`, in base64.

    `text` is the text of the row, or what `as_text` made of it.
    """
    head = f'{{"kind": {json.dumps(kind)}, "reason": {json.dumps(reason)}, '
    if text.startswith(_ENCODED):
        return f'{head}"raw": "{text.removeprefix(_ENCODED)}"}}\n'
    if _is_json(text):
        # Line ends can only occur between the parts of a row, where they are insignificant.
        row = text.replace("\r", " ").replace("\n", " ")
        return f'{head}"row": {row}}}\n'
    return f'{head}"raw": "{_encoded(text)}"}}\n'


def _encoded(raw: str) -> str:
    return base64.b64encode(raw.encode("utf-8", "surrogateescape")).decode()


def _is_json(text: str) -> bool:
    """Whether JSON parsers accept the text: they refuse bare control characters, NaN, and huge numbers."""
    try:
        text.encode()
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(word: str) -> None:
    raise ValueError(word)
