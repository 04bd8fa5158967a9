"""Statements as the driver takes them, formed once: their constants are part of the text, callers' values are not."""

import re
from collections.abc import Mapping
from typing import Any

from psycopg2 import extensions
from sqlalchemy import BindParameter, ClauseElement, text
from sqlalchemy.dialects.postgresql import psycopg2
from sqlalchemy.sql import Insert
from sqlalchemy.sql.compiler import SQLCompiler

_DIALECT = psycopg2.dialect()  # type: ignore[no-untyped-call]
# A parameter, one that stands for a list, or an escaped percent sign, behind which no parameter begins.
_PARAMETER = re.compile(r"%%|%\((?P<name>\w+)\)s|__\[POSTCOMPILE_(?P<list>\w+)\]")


def parts(statement: str | ClauseElement) -> list[str]:
    """What the driver is sent for a statement, or for several in one text, with `%(name)s` for each named value.

    Raises ValueError when a column would get a default that is made in Python, which only a caller's value could be.
    """
    if isinstance(statement, str):
        return [part.strip() for part in str(text(statement).compile(dialect=_DIALECT)).split(";")]
    # Otherwise it would return the key of the new row.
    compiled = (statement.inline() if isinstance(statement, Insert) else statement).compile(dialect=_DIALECT)
    if not isinstance(compiled, SQLCompiler):
        raise TypeError(f"Not a statement: {statement}")
    return [_with_constants(compiled)]


def with_values(sql: str, values: Mapping[str, Any]) -> str:
    """The text `sql` with values as literals where it names them."""

    def literal(found: re.Match[str]) -> str:
        return _literal(values[found["name"]]) if found["name"] in values else found[0]

    return _PARAMETER.sub(literal, sql)


def numbered(sql: str) -> tuple[str, list[str]]:
    """The text with `$1`, `$2` … for its parameters, and their names.

    Each occurrence of a name gets its own number: their types may differ.
    """
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found["name"] is None:
            return found[0]
        names.append(found["name"])
        return f"${len(names)}"

    return _PARAMETER.sub(number, sql), names


def _with_constants(compiled: SQLCompiler) -> str:
    if made_in_python := [column.name for column in (*compiled.insert_prefetch, *compiled.update_prefetch)]:
        raise ValueError(f"The statement gives no value to {', '.join(made_in_python)}: {compiled}")

    def constant(found: re.Match[str]) -> str:
        if found["list"] is not None:
            parameter = compiled.binds[found["list"]]
            if not parameter.value:
                raise ValueError(f"A list of values is empty, or a caller's: compare with any_() instead: {compiled}")
            return ", ".join(_literal(_as_sent(parameter, each)) for each in parameter.value)
        if found["name"] is None or (parameter := compiled.binds[found["name"]]).required:
            return found[0]
        return _literal(_as_sent(parameter, parameter.value))

    return _PARAMETER.sub(constant, str(compiled))


def _as_sent(parameter: BindParameter[Any], value: Any) -> Any:
    process = parameter.type.dialect_impl(_DIALECT).bind_processor(_DIALECT)
    return process(value) if process else value


def _literal(value: Any) -> str:
    # Whether the driver doubles backslashes depends on the last connection it made, if it made any.
    match value:
        case str():
            quoted = "'" + value.replace("'", "''") + "'"
        case bytes():
            quoted = rf"'\x{value.hex()}'::bytea"
        case _:
            adapted: Any = extensions.adapt(value)
            quoted = adapted.getquoted().decode().strip()
            if "\\" in quoted:
                raise ValueError(f"Cannot be part of a statement: {value!r}")
    return quoted.replace("%", "%%")
