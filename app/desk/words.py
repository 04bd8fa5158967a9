"""What staff look for: words, of which the directory is asked for the longest, and perhaps an id."""

from typing import Any, NamedTuple

from app import tenancy
from app.db.base import MAX_ID
from app.db.paging import contains_pattern

# No object has it.
_NO_ID = 0
_SEPARATOR = "\n"


class Words(NamedTuple):
    """The words of a search, and the id that it may be."""

    words: tuple[str, ...]
    number: int

    @property
    def longest(self) -> str:
        """The pattern of the longest word, which indexes are asked for."""
        return contains_pattern(max(self.words, key=len))

    @property
    def values(self) -> dict[str, Any]:
        """The parameters of statements that look in the directory."""
        return {"number": self.number, "patterns": _SEPARATOR.join(map(contains_pattern, self.words))}


def look_for(text: str) -> Words:
    """Make the entries of the directory visible that contain the longest word of `text`; all its words."""
    words = tuple(text.split())
    is_id = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID)) and int(text) <= MAX_ID
    found = Words(words, int(text) if is_id else _NO_ID)
    if words:
        tenancy.set_search(found.longest)
    return found
