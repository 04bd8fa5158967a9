"""What an audit reports."""

from typing import NamedTuple


class Difference(NamedTuple):
    """A stored total that does not equal its rows."""

    subject: str
    problem: str
