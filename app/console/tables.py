"""Columns of the tables of pages: which field of the API each shows, and how."""

from dataclasses import dataclass

_NUMBERS = frozenset({"money", "whole", "percent"})


@dataclass(frozen=True, slots=True)
class Column:
    """A column. With an `address` it leads to the page at it, followed by the field `key` and `rest`."""

    label: str
    field: str
    shown: str = "text"
    address: str = ""
    key: str = ""
    rest: str = ""

    @property
    def is_number(self) -> bool:
        """Whether its cells stand below each other by their digits."""
        return self.shown in _NUMBERS


def link(label: str, field: str, address: str, key: str = "id", rest: str = "") -> Column:
    """A column that leads to the page of its object."""
    return Column(label, field, address=address, key=key, rest=rest)
