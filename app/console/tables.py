"""Columns of the tables of pages: which field of the API each shows, and how."""

from collections.abc import Mapping, Sequence
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
    # What each link says, in place of its field, which is read aloud after it.
    word: str = ""
    # The field with the currency of an amount.
    currency: str = ""
    # Words for the values of the API.
    names: Mapping[str, str] | None = None

    @property
    def is_number(self) -> bool:
        """Whether its cells stand below each other by their digits."""
        return self.shown in _NUMBERS


Choices = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of the API as a page: columns, filters with their labels, and what is said where nothing matches."""

    columns: Sequence[Column]
    empty: str
    texts: Choices = ()
    choices: Sequence[tuple[str, str, Choices]] = ()
    dates: Choices = ()

    @property
    def filters(self) -> list[str]:
        """The names of its filters."""
        named = (*self.texts, *self.dates)
        return [*(name for name, _ in named), *(name for name, *_ in self.choices)]


def labelled(*values: str) -> Choices:
    """Words of the API with their labels."""
    return [(value, value.replace("_", " ").replace("-", " ").capitalize()) for value in values]


def link(label: str, field: str, address: str, key: str = "id", rest: str = "") -> Column:
    """A column that leads to the page of its object."""
    return Column(label, field, address=address, key=key, rest=rest)


def file_of(address: str, number: str) -> Column:
    """A column that leads to the PDF of its object, which has this number."""
    return Column("File", number, address=address, key="id", rest="/pdf", word="PDF")


DATES = (("start_date", "From"), ("end_date", "To"))
METHODS = {"manual": "Bank transfer", "stripe": "Card"}
# Words that the API has for the state of what is sold.
TRANSACTION_TYPES = labelled(
    "grant", "purchase", "deduction", "refund", "adjustment", "expiry", "void", "chargeback", "debt_payment"
)
HOLD_STATUSES = labelled("open", "captured", "released", "expired")
INVOICE_STATUSES = labelled("pending", "paid", "void", "partially_refunded", "refunded")
PAYMENT_STATUSES = labelled(
    "pending", "succeeded", "failed", "cancelled", "refunding", "partially_refunded", "refunded", "disputed",
    "charged_back",
)  # fmt: skip
