"""Rules that stand once and decide twice: in Python, and as a CASE expression inside a statement."""

from collections.abc import Callable
from enum import Enum
from typing import Any, Generic, TypeVar

from sqlalchemy import case, column
from sqlalchemy.dialects import postgresql

Facts = TypeVar("Facts", bound=tuple[Any, ...])

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


class Rule(Generic[Facts]):
    """A table of cases, of which the first that applies decides; None when none does.

    `facts` is a NamedTuple. A case is a condition and a result: a constant, or a function as the condition is. They are
    given the facts as values, and once as columns of the same names; `&` and `|` mean the same to both, and constants
    of an enumeration are compared by their `value`.
    """

    def __init__(self, facts: type[Facts], *cases: tuple[Callable[[Facts], Any], Any]) -> None:
        self._cases = cases
        row: Any = facts
        columns = row._make(column(name) for name in row._fields)
        whens = [(applies(columns), _constant(_result(result, columns))) for applies, result in cases]
        # The decision, of columns with the names of the facts.
        self.sql = str(case(*whens).compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))

    def decide(self, facts: Facts) -> Any:
        """The decision."""
        for applies, result in self._cases:
            if applies(facts):
                return _result(result, facts)
        return None


def _result(result: Any, facts: Any) -> Any:
    return result(facts) if callable(result) else result


def _constant(result: Any) -> Any:
    return result.value if isinstance(result, Enum) else result
