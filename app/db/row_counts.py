"""How many rows the tables behind long lists have: counting them for each page would be most of the page's cost."""

from collections.abc import Iterator

from sqlalchemy import BigInteger, Select, String, cast, func, select, table
from sqlalchemy.orm import Mapped, mapped_column

from app.db.audit import Difference
from app.db.base import Base, db

# More than the threads of two workers, each of which has one transaction; a reader adds up all of them.
SLOTS = 16


class RowCount(Base):
    """A part of the number of rows of one table, kept by its triggers: the number is the sum of its slots.

    There are several so that those who add rows at the same time do not wait for each other. One slot alone may be
    below 0.
    """

    __tablename__ = "row_counts"

    table_name: Mapped[str] = mapped_column(String(63), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)
    rows: Mapped[int] = mapped_column(BigInteger)


_ROWS = cast(func.sum(RowCount.rows), BigInteger)


def unfiltered(model: type[Base]) -> dict[frozenset[str], Select[int]]:
    """The `counts` of a ListQuery on a table whose rows are counted: known when nothing is filtered."""
    return {frozenset(): select(_ROWS).where(RowCount.table_name == model.__tablename__)}


def differences() -> Iterator[Difference]:
    """Every kept number of rows that is not the number of rows."""
    name = RowCount.table_name
    for each, kept in db.session.execute(select(name, _ROWS).group_by(name).order_by(name)):
        there = db.session.scalar(select(func.count()).select_from(table(each)))
        if there != kept:
            yield Difference(each, f"the stored number of rows is {kept}, the table has {there}")
