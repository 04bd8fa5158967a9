"""How many rows the tables behind long lists have: counting them for each page would be most of the page's cost."""

from collections.abc import Iterator

from sqlalchemy import BigInteger, Select, String, func, select, table
from sqlalchemy.orm import Mapped, mapped_column

from app.db.audit import Difference
from app.db.base import Base, db


class RowCount(Base):
    """The number of rows of one table, kept by its triggers."""

    __tablename__ = "row_counts"

    table_name: Mapped[str] = mapped_column(String(63), primary_key=True)
    rows: Mapped[int] = mapped_column(BigInteger)


def unfiltered(model: type[Base]) -> dict[frozenset[str], Select[int]]:
    """The `counts` of a ListQuery on a table whose rows are counted: known when nothing is filtered."""
    return {frozenset(): select(RowCount.rows).where(RowCount.table_name == model.__tablename__)}


def differences() -> Iterator[Difference]:
    """Every kept number of rows that is not the number of rows."""
    for kept in db.session.scalars(select(RowCount).order_by(RowCount.table_name)):
        there = db.session.scalar(select(func.count()).select_from(table(kept.table_name)))
        if there != kept.rows:
            yield Difference(kept.table_name, f"the stored number of rows is {kept.rows}, the table has {there}")
