"""Rejected rows in their original form, written as valid JSON whatever they contain."""

import base64
import json


def as_line(kind: str, reason: str, text: str) -> str:
    """A line of JSON for a row: its text as `row` if it is JSON, else its bytes as `raw`, in base64."""
    head = f'{{"kind": {json.dumps(kind)}, "reason": {json.dumps(reason)}, '
    if _is_json(text):
        # Line ends can only occur between the parts of a row, where they are insignificant.
        row = text.replace("\r", " ").replace("\n", " ")
        return f'{head}"row": {row}}}\n'
    encoded = base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()
    return f'{head}"raw": "{encoded}"}}\n'


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
