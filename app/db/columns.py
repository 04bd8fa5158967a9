"""Columns of models in statements: what is read of them, and the values that they are given or compared with."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    String,
    TableValuedAlias,
    Text,
    bindparam,
    cast,
    func,
    inspect,
)
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute
from sqlalchemy.types import TypeEngine


def columns_of(model: type[DeclarativeBase], *, but: Collection[str] = ()) -> list[InstrumentedAttribute[Any]]:
    """The columns of a model, for a select: all `but` those named."""
    attributes = inspect(model).column_attrs
    if unknown := set(but) - set(attributes.keys()):
        raise ValueError(f"{model.__name__} has no column {', '.join(sorted(unknown))}")
    return [getattr(model, each.key) for each in attributes if each.key not in but]


def values_of(*columns: InstrumentedAttribute[Any]) -> dict[str, BindParameter[Any]]:
    """Columns for an insert or an update, each with the value of its name."""
    return {each.key: bindparam(each.key) for each in columns}


def kind_of(column: InstrumentedAttribute[Any]) -> TypeEngine[Any]:
    """The type that values compared with a column are cast to."""
    # Cast to its own type, with a length, a value that is too long would be cut.
    return Text() if isinstance(column.type, String) else column.type


def list_of(name: str, column: InstrumentedAttribute[Any]) -> ColumnElement[Sequence[Any]]:
    """The values of `name`, as an array of what `column` holds."""
    return cast(bindparam(name), ARRAY(kind_of(column)))


def rows_of(**columns: InstrumentedAttribute[Any]) -> TableValuedAlias:
    """Rows made of lists of values: of each list by its name, and the column whose name and type its values have."""
    lists = (list_of(name, column) for name, column in columns.items())
    return func.unnest(*lists).table_valued(*(column.key for column in columns.values())).render_derived()
